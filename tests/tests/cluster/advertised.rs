//! Where clients of the read protocol are told to connect.

use proto::event_store::client::Empty;
use proto::event_store::client::gossip::EndPoint;
use proto::event_store::client::gossip::gossip_client::GossipClient;
use tests::process::failed;
use tests::server::Town;

const MORNING: &str = "2026-03-03T09:00:00-05:00";

#[tokio::test]
async fn who_is_in_the_cluster_is_told_as_it_was_said_to_be() {
    for (said, host) in [("ledger.example:7113", "ledger.example"), ("[::1]:7113", "::1")] {
        let advertise = Some(said.parse().unwrap());
        let (_town, address) = Town::with_eventstore_at(MORNING, advertise).await;
        let mut gossip = GossipClient::connect(format!("http://{address}")).await.unwrap();
        let members = gossip.read(Empty {}).await.unwrap().into_inner().members;
        let told = EndPoint { address: host.to_owned(), port: 7113 };
        assert_eq!(members[0].http_end_point, Some(told));
        assert_eq!(members.len(), 1);
    }
    let (_town, address) = Town::with_eventstore(MORNING).await;
    let mut gossip = GossipClient::connect(format!("http://{address}")).await.unwrap();
    let members = gossip.read(Empty {}).await.unwrap().into_inner().members;
    let bound = EndPoint { address: "127.0.0.1".to_owned(), port: address.port().into() };
    assert_eq!(members[0].http_end_point, Some(bound));
}

#[test]
fn nobody_is_told_to_connect_to_all_addresses_of_a_machine() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("data");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", folder.to_str().unwrap()];
    for (more, said) in [
        (&["--eventstore-listen", "0.0.0.0:0"][..], "--eventstore-advertise HOST:PORT"),
        (&["--eventstore-listen", "[::]:0"], "--eventstore-advertise HOST:PORT"),
        (&["--eventstore-advertise", "ledger.example:2113"], "--eventstore-listen"),
        (
            &["--eventstore-listen", "127.0.0.1:0", "--eventstore-advertise", "0.0.0.0:2113"],
            "no client elsewhere",
        ),
    ] {
        let (code, error) = failed(&[&serve, more].concat());
        assert_eq!(code, 2, "{more:?}: {error}");
        assert!(error.contains(said), "{more:?}: {error}");
    }
    assert!(!folder.exists(), "nothing was begun");
    // With an address that can be told the next rule is asked.
    let more = ["--eventstore-listen", "0.0.0.0:0", "--eventstore-advertise", "ledger.example:1"];
    let (code, error) = failed(&[&serve[..], &more].concat());
    assert_ne!(code, 2, "{error}");
    assert!(error.contains("TLS"), "{error}");
}

#[test]
fn beyond_loopback_only_clients_that_show_a_certificate_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let none = folder.path().join("none.pem");
    let none = none.to_str().unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()];
    let tls = ["--tls-cert", none, "--tls-key", none];
    let everywhere = ["--eventstore-listen", "0.0.0.0:0", "--eventstore-advertise", "ledger:1"];
    let (code, error) = failed(&[&serve[..], &tls, &everywhere].concat());
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("0.0.0.0:0") && error.contains("--tls-client-ca"), "{error}");
    assert!(!data.exists(), "nothing was begun");
    // Loopback needs none, and with an authority the certificates are looked at next.
    let here = ["--eventstore-listen", "127.0.0.1:0"];
    let guarded = [&["--tls-client-ca", none][..], &everywhere].concat();
    for more in [&here[..], &guarded] {
        let (_, error) = failed(&[&serve[..], &tls, more].concat());
        assert!(error.contains("cannot read") && !error.contains("--tls-client-ca"), "{error}");
    }
}
