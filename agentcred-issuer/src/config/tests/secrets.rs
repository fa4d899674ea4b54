//! Tests of a configuration whose secrets are not where it says.

use super::{SOUND, folder, parse};
use crate::secrets::{LocalSecrets, write_private};

#[tokio::test]
async fn a_secret_that_cannot_be_had_is_found() {
    let folder = folder();
    let path = folder.path().join("stripe.key");
    let config = parse(SOUND, folder.path()).unwrap();
    let found = async || {
        let findings = config.check_secrets(&LocalSecrets::default()).await;
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(found().await.contains("services.stripe.secret cannot be used"));
    write_private(&path, "short");
    assert!(found().await.contains("too short"));
    write_private(&path, "sk_live_canary with spaces");
    assert!(found().await.contains("visible ASCII") && !found().await.contains("canary"));
    write_private(&path, "sk_live_canary");
    assert_eq!(found().await, "");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(found().await.contains("read by others"));
    }
}
