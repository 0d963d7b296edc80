//! What a client asks before it asks for anything: what the server can do and who is there.

use tonic::{Request, Response, Status};

use crate::{
    call::Call,
    faults::Method,
    messages::{
        Uuid,
        cluster::{ClusterInfo, EndPoint, MemberInfo, SupportedMethod, SupportedMethods},
    },
};

const STREAMS: &str = "event_store.client.streams.streams";
const METHODS: [&str; 5] = ["read", "append", "delete", "tombstone", "batchappend"];
/// The states of members that the double can be in, by their numbers.
const FOLLOWER: i32 = 6;
const LEADER: i32 = 8;

pub(crate) async fn supported_methods(
    call: Call,
    request: Request<()>,
) -> Result<Response<SupportedMethods>, Status> {
    let after = call.meet(Method::ServerFeatures, request.metadata()).await?;
    after.done().await?;
    let methods =
        METHODS.map(|method| SupportedMethod { method: method.to_owned(), service: STREAMS.to_owned() });
    Ok(Response::new(SupportedMethods { methods: methods.into(), version: "25.1.0".to_owned() }))
}

pub(crate) async fn gossip(call: Call, request: Request<()>) -> Result<Response<ClusterInfo>, Status> {
    let after = call.meet(Method::Gossip, request.metadata()).await?;
    after.done().await?;
    let leader = call.state.leader.lock().clone();
    let own = if leader.is_some() { FOLLOWER } else { LEADER };
    let mut members = vec![member(own, "127.0.0.1", call.state.port)];
    members.extend(leader.map(|(host, port)| member(LEADER, &host, port)));
    Ok(Response::new(ClusterInfo { members }))
}

fn member(state: i32, host: &str, port: u16) -> MemberInfo {
    MemberInfo {
        instance_id: Some(Uuid::text(uuid::Uuid::from_u128(u128::from(port)))),
        time_stamp: 0,
        state,
        is_alive: true,
        end_point: Some(EndPoint { address: host.to_owned(), port: port.into() }),
    }
}
