use chrono::TimeDelta;
use serde_json::json;
use torii::{
    MetadataPatch, OAuthIdentity, PageRequest, RelyingParty, SecureToken, Session, SessionToken, TenantScope,
    ToriiError, User, UserId, UserMetadata,
};
use torii_core::events::Event;

use super::{answer, operation::Operation};
use crate::{
    ManualClock, Provider,
    laws::expectation::{BASE, text},
};

const ADDRESSES: [&str; 3] = ["john@example.com", "jane@example.com", "joan@example.com"];
const PASSWORD: &str = "correct horse battery staple";
const WRONG_PASSWORD: &str = "incorrect horse battery staple";
const NAMES: [&str; 3] = ["plan", "seats", "theme"];
const PROVIDERS: [&str; 3] = ["github", "google", "github"];

/// Somebody who works in one tenant and remembers what they got there.
pub(super) struct Actor<P: Provider> {
    scope: TenantScope<P>,
    /// In the order in which they were first seen: their numbers are their names.
    users: Vec<UserId>,
    sessions: Vec<SessionToken>,
    links: Vec<String>,
    resets: Vec<String>,
    verifications: Vec<String>,
}

/// The one with a number, counted from the newest; one that nobody was given if there is none.
fn pick<T: Clone + Default>(from: &[T], which: usize) -> T {
    from.iter().rev().nth(which).cloned().unwrap_or_default()
}

impl<P: Provider> Actor<P> {
    pub(super) fn new(scope: TenantScope<P>) -> Self {
        Self {
            scope,
            users: Vec::new(),
            sessions: Vec::new(),
            links: Vec::new(),
            resets: Vec::new(),
            verifications: Vec::new(),
        }
    }

    /// Presents everything that another actor holds. It must be worth nothing.
    pub(super) async fn try_tokens_of(&self, other: &Self) {
        let scope = &self.scope;
        if let Some(token) = other.sessions.last() {
            assert!(scope.validate_session(token).await.unwrap().is_none(), "a session is valid in another tenant");
            assert!(scope.refresh_session(token).await.is_err());
            scope.revoke_session(token).await.unwrap();
        }
        if let Some(link) = other.links.last() {
            assert!(scope.magic_link().authenticate(link, None, None).await.is_err());
        }
        if let Some(token) = other.verifications.last() {
            assert!(scope.verify_email_token(token).await.is_err());
        }
        if let Some(user) = other.users.last() {
            assert_eq!(scope.user_metadata(user).await.unwrap(), None);
            assert!(scope.set_user_metadata(user, &UserMetadata::default()).await.is_err());
            assert!(scope.merge_user_metadata(user, &MetadataPatch::default()).await.is_err());
            scope.delete_sessions_for_user(user).await.unwrap();
            scope.delete_user(user).await.unwrap();
        }
    }

    /// Does it, and describes what came of it.
    pub(super) async fn apply(&mut self, operation: &Operation, clock: Option<&ManualClock>) -> String {
        use Operation::*;
        let scope = self.scope.clone();
        let user = |which| pick(&self.users, which);
        let session = |which| pick(&self.sessions, which);
        let nothing = |()| "done".to_owned();
        match *operation {
            Register { address } => {
                let registered = scope.password().try_register(ADDRESSES[address], PASSWORD, None).await;
                answer(registered, |registration| {
                    let created = registration.is_created();
                    format!("created {created}: {}", self.describe_user(&registration.into_user()))
                })
            }
            SignIn { address, right } => {
                let password = if right { PASSWORD } else { WRONG_PASSWORD };
                self.signed_in(scope.authenticate(ADDRESSES[address], password, None, None).await)
            }
            ChangePassword { user: which, right } => {
                let password = if right { PASSWORD } else { WRONG_PASSWORD };
                answer(scope.password().change_password(&user(which), password, PASSWORD).await, nothing)
            }
            SendLink { address } => {
                let issued = scope.magic_link().send_link(ADDRESSES[address], BASE).await;
                if let Ok(token) = &issued {
                    self.links.push(text(token).to_owned());
                }
                answer(issued, |token| self.describe_token(&token))
            }
            FollowLink { token } => {
                let link = pick(&self.links, token);
                self.signed_in(scope.magic_link().authenticate(&link, None, None).await)
            }
            IssueReset { address } => {
                let issued = scope.password().issue_reset_token(ADDRESSES[address]).await;
                if let Ok(Some(token)) = &issued {
                    self.resets.push(text(token).to_owned());
                }
                answer(issued, |token| token.map_or("nobody".into(), |token| self.describe_token(&token)))
            }
            CompleteReset { token } => {
                let token = pick(&self.resets, token);
                let completed = scope.password().reset_password_complete(&token, PASSWORD).await;
                answer(completed, |user| self.describe_user(&user))
            }
            SendVerification { user: which } => {
                let issued = scope.send_verification_email(&user(which), BASE).await;
                if let Ok(token) = &issued {
                    self.verifications.push(text(token).to_owned());
                }
                answer(issued, |token| self.describe_token(&token))
            }
            Verify { token } => {
                let token = pick(&self.verifications, token);
                answer(scope.verify_email_token(&token).await, |user| self.describe_user(&user))
            }
            MarkVerified { user: which } => answer(scope.set_user_email_verified(&user(which)).await, nothing),
            Rename { user: which, address } => {
                let found = scope.get_user(&user(which)).await.unwrap();
                let Some(found) = found else { return "nobody".into() };
                let renamed = scope.update_user(&User { email: ADDRESSES[address].into(), ..found }).await;
                answer(renamed, |user| self.describe_user(&user))
            }
            DeleteUser { user: which } => answer(scope.delete_user(&user(which)).await, nothing),
            ReadUser { user: which } => answer(scope.get_user(&user(which)).await, |found| {
                found.map_or("nobody".into(), |user| self.describe_user(&user))
            }),
            SetMetadata { user: which, value } => {
                let metadata = UserMetadata::new(json!({ NAMES[value]: value })).unwrap();
                answer(scope.set_user_metadata(&user(which), &metadata).await, nothing)
            }
            MergeMetadata { user: which, name, value } => {
                let patch = MetadataPatch::new(json!({ NAMES[name]: value })).unwrap();
                answer(scope.merge_user_metadata(&user(which), &patch).await, |metadata| metadata.to_string())
            }
            FindByMetadata { name, value } => {
                let filter = UserMetadata::new(json!({ NAMES[name]: value })).unwrap();
                let found = scope.find_users_by_metadata(&filter, PageRequest::default()).await;
                answer(found, |page| {
                    let mut lines: Vec<_> = page.items.iter().map(|user| self.describe_user(user)).collect();
                    lines.sort();
                    lines.join("; ")
                })
            }
            CreateSession { user: which } => {
                let created = scope.create_session(&user(which), None, None).await;
                answer(created, |session| self.got_session(&session))
            }
            Validate { session: which } => answer(scope.authenticate_session(&session(which)).await, |found| {
                found.map_or("nobody".into(), |(user, session)| {
                    format!("{}, {}", self.describe_user(&user), self.describe_session(&session))
                })
            }),
            Refresh { session: which } => {
                let refreshed = scope.refresh_session(&session(which)).await;
                answer(refreshed, |session| self.got_session(&session))
            }
            Revoke { session: which } => answer(scope.revoke_session(&session(which)).await, nothing),
            ListSessions { user: which } => answer(scope.list_user_sessions(&user(which)).await, |sessions| {
                let mut lines: Vec<_> = sessions.iter().map(|session| self.describe_session(session)).collect();
                // Those that began at the same time are in no particular order.
                lines.sort();
                lines.join("; ")
            }),
            EndSessions { user: which } => answer(scope.delete_sessions_for_user(&user(which)).await, nothing),
            Identify { subject, address, verified } => {
                let identity = OAuthIdentity {
                    provider: PROVIDERS[subject].into(),
                    subject: subject.to_string(),
                    email: ADDRESSES[address].into(),
                    email_verified: verified,
                    name: None,
                };
                self.signed_in(scope.oauth().authenticate_with(&identity, None, None).await)
            }
            Link { user: which, subject } => {
                let id = user(which);
                let linked = scope.oauth().link_account(&id, PROVIDERS[subject], &subject.to_string()).await;
                answer(linked, nothing)
            }
            Unlink { user: which } => answer(scope.oauth().unlink_account(&user(which), PROVIDERS[0]).await, nothing),
            ListAccounts { user: which } => {
                answer(scope.oauth().list_accounts_for_user(&user(which)).await, |accounts| {
                    let described = accounts
                        .iter()
                        .map(|account| format!("{} {} at {}", account.provider, account.subject, account.created_at));
                    described.collect::<Vec<_>>().join("; ")
                })
            }
            StoreState { state } => {
                let (name, verifier) = (state.to_string(), scope.tenant().unwrap().id().to_string());
                answer(scope.oauth().store_pkce_verifier(&name, &verifier, TimeDelta::minutes(5)).await, nothing)
            }
            TakeState { state } => {
                answer(scope.oauth().get_pkce_verifier(&state.to_string()).await, |verifier| format!("{verifier:?}"))
            }
            AddPasskey { user: which, credential } => {
                let id = vec![7, credential as u8];
                let added = scope.passkey().register_credential(&user(which), id, vec![1], None).await;
                answer(added, |credential| format!("for {}", self.name(&credential.user_id)))
            }
            UsePasskey { credential } => {
                self.signed_in(scope.passkey().authenticate(&[7, credential as u8], None, None).await)
            }
            DeletePasskey { credential } => {
                answer(scope.passkey().delete_credential(&[7, credential as u8]).await, nothing)
            }
            BeginCeremony => {
                let rp = RelyingParty::new("example.com", ["https://example.com"], "Example").unwrap();
                answer(scope.passkey().start_authentication(&rp).await, |_| "begun".into())
            }
            ReadLockout { address } => {
                answer(scope.get_lockout_status(ADDRESSES[address]).await, |status| format!("{status:?}"))
            }
            Unlock { address } => {
                answer(scope.unlock_account(ADDRESSES[address]).await, |was_locked| was_locked.to_string())
            }
            List => answer(scope.list_users().await, |users| {
                let mut lines: Vec<_> = users.iter().map(|user| self.describe_user(user)).collect();
                // Ids are random, and so is their order.
                lines.sort();
                lines.join("; ")
            }),
            Count => answer(scope.count_users().await, |count| count.to_string()),
            CleanUp => answer(scope.cleanup_expired().await, |report| report.to_string()),
            Wait { minutes } => {
                if let Some(clock) = clock {
                    clock.advance(TimeDelta::minutes(minutes));
                }
                "waited".into()
            }
        }
    }

    /// What was reported, without what is random.
    pub(super) fn describe_event(&mut self, event: &Event) -> String {
        match event {
            Event::UserCreated(user) => format!("created {}", self.describe_user(user)),
            Event::UserUpdated(user) => format!("updated {}", self.describe_user(user)),
            Event::UserMetadataUpdated(id) => format!("metadata of {}", self.name(id)),
            Event::UserDeleted(id) => format!("deleted {}", self.name(id)),
            Event::SessionCreated(_, session) => format!("began {}", self.describe_session(session)),
            Event::SessionDeleted(id, _) => format!("ended a session of {}", self.name(id)),
            Event::SessionsCleared(id) => format!("ended all of {}", self.name(id)),
            other => format!("{other:?}"),
        }
    }

    /// The number of a user, given at first sight.
    fn name(&mut self, id: &UserId) -> String {
        let known = self.users.iter().position(|known| known == id);
        let number = known.unwrap_or_else(|| {
            self.users.push(id.clone());
            self.users.len() - 1
        });
        format!("user {number}")
    }

    fn describe_user(&mut self, user: &User) -> String {
        let User { id, tenant_id, name, email, email_verified_at, locked_at, created_at, updated_at } = user;
        let id = self.name(id);
        format!("{id} {tenant_id} {name:?} {email} {email_verified_at:?} {locked_at:?} {created_at} {updated_at}")
    }

    fn describe_session(&mut self, session: &Session) -> String {
        let name = self.name(&session.user_id);
        let Session { tenant_id, created_at, updated_at, expires_at, .. } = session;
        format!("a session of {name} in {tenant_id} {created_at} {updated_at} {expires_at}")
    }

    fn describe_token(&mut self, token: &SecureToken) -> String {
        let name = self.name(&token.user_id);
        format!("{:?} for {name} in {} until {}", token.purpose, token.tenant_id, token.expires_at)
    }

    fn got_session(&mut self, session: &Session) -> String {
        self.sessions.extend(session.token.clone());
        self.describe_session(session)
    }

    fn signed_in(&mut self, result: Result<(User, Session), ToriiError>) -> String {
        answer(result, |(user, session)| format!("{}, {}", self.describe_user(&user), self.got_session(&session)))
    }
}
