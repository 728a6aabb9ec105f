//! Requests that meet: whatever their order, one truth.

use axum::http::StatusCode;

use crate::browser::App;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_logout_that_races_a_rotation_nothing_is_alive() {
    for round in 0..400 {
        let app = App::new();
        let browser = app.logged_in("ann").await;
        let (mut one, mut other) = (browser.clone(), browser.clone());
        let rotation = tokio::spawn(async move { (one.post("/rotate").await.status, one) });
        let logout = tokio::spawn(async move { other.post("/logout").await });
        let (rotated, mut rotating) = rotation.await.expect("no panic");
        logout.await.expect("no panic").ok();
        assert!(app.ledger.is_empty(), "round {round}: {rotated}");
        assert_eq!(rotating.user().await, None, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_rotations_of_one_token_exactly_one_wins() {
    for round in 0..100 {
        let app = App::new();
        let browser = app.logged_in("ann").await;
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let mut one = browser.clone();
                tokio::spawn(async move { (one.post("/rotate").await.status, one) })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            let (status, browser) = task.await.expect("no panic");
            match status {
                StatusCode::OK => winners.push(browser),
                status => assert_eq!(status, StatusCode::UNAUTHORIZED, "round {round}"),
            }
        }
        let [winner] = &mut winners[..] else { panic!("round {round}: {}", winners.len()) };
        assert_eq!(winner.user().await.as_deref(), Some("ann"), "round {round}");
    }
}
