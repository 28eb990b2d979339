use sqlx::SqlitePool;
use tokio::task::JoinSet;
use torii_core::{
    NewUser, TokenPurpose,
    repositories::{SessionRepository, TokenRepository, UserRepository},
    session::NewSession,
};
use torii_storage_sqlite::{SqliteRepositoryProvider, SqliteStorage};

const EMAIL: &str = "ann@example.com";

async fn provider(storage: SqliteStorage) -> SqliteRepositoryProvider {
    storage.migrate().await.unwrap();
    storage.migrate().await.unwrap();
    storage.into_repository_provider()
}

/// Fifty callers write in transactions and alone, and read in between.
async fn crowd(storage: &SqliteRepositoryProvider) {
    let mut tasks = JoinSet::new();
    for caller in 0..50 {
        let storage = storage.clone();
        tasks.spawn(async move {
            let email = format!("{caller}@example.com");
            for _ in 0..10 {
                let user = storage.find_or_create_by_email(&email).await?;
                let new = NewSession { user_agent: None, ip_address: None, lifetime: chrono::TimeDelta::hours(1) };
                let session = new.begin(user.tenant_id.clone(), user.id.clone(), user.created_at);
                let session = SessionRepository::create(&storage, session).await?;
                storage.create_token(&user.id, TokenPurpose::MagicLink, chrono::TimeDelta::hours(1)).await?;
                assert!(storage.find_by_token(session.token.as_ref().unwrap()).await?.is_some());
            }
            Ok::<_, torii_core::Error>(())
        });
    }
    for answer in tasks.join_all().await {
        answer.unwrap();
    }
    assert_eq!(storage.count().await.unwrap(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_memory_bears_a_crowd() {
    crowd(&provider(SqliteStorage::connect("sqlite::memory:").await.unwrap()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_one_whose_pool_the_application_made() {
    let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
    crowd(&provider(SqliteStorage::new(pool)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_that_share_a_cache_wait_for_each_other() {
    let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
    let storage = provider(SqliteStorage::new(pool.clone())).await;
    let mut tasks = JoinSet::new();
    for caller in 0..8 {
        let other = SqliteRepositoryProvider::new(pool.clone());
        tasks.spawn(async move {
            for number in 0..30 {
                let email = format!("{caller}.{number}@example.com");
                let user = other.register(NewUser::new(email.clone()), "hash").await?.into_user();
                other.create_token(&user.id, TokenPurpose::MagicLink, chrono::TimeDelta::hours(1)).await?;
                assert_eq!(other.find_by_email(&email).await?.map(|found| found.id), Some(user.id));
            }
            Ok::<_, torii_core::Error>(())
        });
    }
    for answer in tasks.join_all().await {
        answer.unwrap();
    }
    assert_eq!(storage.count().await.unwrap(), 240);
}

#[tokio::test]
async fn the_data_outlives_the_connections_of_the_pool() {
    let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
    let storage = provider(SqliteStorage::new(pool.clone())).await;
    let user = storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap().into_user();
    while pool.size() > 0 {
        pool.acquire().await.unwrap().close().await.unwrap();
    }
    assert_eq!(storage.find_by_email(EMAIL).await.unwrap(), Some(user));
}

#[tokio::test]
async fn two_databases_in_memory_are_two() {
    let one = provider(SqliteStorage::connect("sqlite::memory:").await.unwrap()).await;
    let two = provider(SqliteStorage::connect("sqlite::memory:").await.unwrap()).await;
    one.find_or_create_by_email(EMAIL).await.unwrap();
    assert_eq!(two.find_by_email(EMAIL).await.unwrap(), None);
}
