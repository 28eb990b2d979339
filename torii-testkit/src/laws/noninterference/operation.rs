use proptest::prelude::*;

/// Something that can be done in a tenant. Numbers choose among few names, or among what the actor has got so far.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Register { address: usize },
    SignIn { address: usize, right: bool },
    ChangePassword { user: usize, right: bool },
    SendLink { address: usize },
    FollowLink { token: usize },
    IssueReset { address: usize },
    CompleteReset { token: usize },
    SendVerification { user: usize },
    Verify { token: usize },
    MarkVerified { user: usize },
    Rename { user: usize, address: usize },
    DeleteUser { user: usize },
    ReadUser { user: usize },
    SetMetadata { user: usize, value: usize },
    MergeMetadata { user: usize, name: usize, value: usize },
    FindByMetadata { name: usize, value: usize },
    CreateSession { user: usize },
    Validate { session: usize },
    Refresh { session: usize },
    Revoke { session: usize },
    ListSessions { user: usize },
    EndSessions { user: usize },
    Identify { subject: usize, address: usize, verified: Option<bool> },
    Link { user: usize, subject: usize },
    Unlink { user: usize },
    ListAccounts { user: usize },
    StoreState { state: usize },
    TakeState { state: usize },
    AddPasskey { user: usize, credential: usize },
    UsePasskey { credential: usize },
    DeletePasskey { credential: usize },
    BeginCeremony,
    ReadLockout { address: usize },
    Unlock { address: usize },
    List,
    Count,
    CleanUp,
    Wait { minutes: i64 },
}

pub(super) fn any_operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    // What is chosen from: few names, so that they meet, and the newest of what the actor has got.
    let name = || 0..3usize;
    let which = || 0..2usize;
    let right = || prop::bool::weighted(0.7);
    let people = prop_oneof![
        6 => name().prop_map(|address| Register { address }),
        6 => (name(), right()).prop_map(|(address, right)| SignIn { address, right }),
        2 => (which(), right()).prop_map(|(user, right)| ChangePassword { user, right }),
        2 => which().prop_map(|user| MarkVerified { user }),
        2 => (which(), name()).prop_map(|(user, address)| Rename { user, address }),
        1 => which().prop_map(|user| DeleteUser { user }),
        2 => which().prop_map(|user| ReadUser { user }),
        1 => (which(), name()).prop_map(|(user, value)| SetMetadata { user, value }),
        2 => (which(), name(), name()).prop_map(|(user, name, value)| MergeMetadata { user, name, value }),
        2 => (name(), name()).prop_map(|(name, value)| FindByMetadata { name, value }),
        2 => name().prop_map(|address| ReadLockout { address }),
        2 => name().prop_map(|address| Unlock { address }),
    ];
    let mail = prop_oneof![
        2 => name().prop_map(|address| SendLink { address }),
        3 => which().prop_map(|token| FollowLink { token }),
        2 => name().prop_map(|address| IssueReset { address }),
        3 => which().prop_map(|token| CompleteReset { token }),
        2 => which().prop_map(|user| SendVerification { user }),
        3 => which().prop_map(|token| Verify { token }),
    ];
    let sessions = prop_oneof![
        4 => which().prop_map(|user| CreateSession { user }),
        6 => which().prop_map(|session| Validate { session }),
        3 => which().prop_map(|session| Refresh { session }),
        1 => which().prop_map(|session| Revoke { session }),
        2 => which().prop_map(|user| ListSessions { user }),
        1 => which().prop_map(|user| EndSessions { user }),
    ];
    let identities = prop_oneof![
        3 => (name(), name(), any::<Option<bool>>()).prop_map(|(subject, address, verified)| Identify {
            subject,
            address,
            verified
        }),
        2 => (which(), name()).prop_map(|(user, subject)| Link { user, subject }),
        1 => which().prop_map(|user| Unlink { user }),
        2 => which().prop_map(|user| ListAccounts { user }),
        2 => name().prop_map(|state| StoreState { state }),
        2 => name().prop_map(|state| TakeState { state }),
        3 => (which(), name()).prop_map(|(user, credential)| AddPasskey { user, credential }),
        3 => name().prop_map(|credential| UsePasskey { credential }),
        1 => name().prop_map(|credential| DeletePasskey { credential }),
        1 => Just(BeginCeremony),
    ];
    let minutes = prop_oneof![4 => Just(1), 4 => Just(4), 2 => Just(16), 1 => Just(25 * 60), 1 => Just(40 * 24 * 60)];
    let all = prop_oneof![
        1 => Just(List),
        1 => Just(Count),
        1 => Just(CleanUp),
        2 => minutes.prop_map(|minutes| Wait { minutes }),
    ];
    prop_oneof![4 => people, 3 => mail, 3 => sessions, 4 => identities, 2 => all]
}
