//! What receives of requests.

use std::sync::Arc;

use gumnut_transport::{Auth, Request};

use crate::server::{Server, ok};
use crate::{SECRET, Told, request, transport};

#[tokio::test]
async fn each_request_is_told_and_the_first_that_changes_something_before_it_is_sent() {
    let server = Server::start(vec![ok; 5]);
    let told = Arc::new(Told::default());
    let transport = transport(&told);
    let origin = format!("http://{}", server.host);
    let query = |action: &str| Request {
        auth: Auth::Query(vec![("Action".to_owned(), action.to_owned())]),
        ..request("POST", &format!("{origin}/ec2"))
    };
    let requests = [
        request("GET", &format!("{origin}/b?X-Amz-Signature=abc&prefix=p")),
        query("DescribeImages"),
        query("DeregisterImage"),
        request("PUT", &format!("{origin}/b/k")),
        request("HEAD", &format!("{origin}/b/k")),
    ];
    for request in &requests {
        transport.execute(request, 1000).await.unwrap();
    }
    assert_eq!(
        told.lines(),
        [
            format!("GET {origin}/b?X-Amz-Signature=...&prefix=p None 200"),
            format!("POST {origin}/ec2 Some(\"DescribeImages\") 200"),
            format!("changing {origin}"),
            format!("POST {origin}/ec2 Some(\"DeregisterImage\") 200"),
            format!("PUT {origin}/b/k None 200"),
            format!("HEAD {origin}/b/k None 200"),
        ]
    );
    assert!(!format!("{:?} {transport:?}", told.lines()).contains(SECRET));
    assert_eq!(server.asked().len(), 5);
}
