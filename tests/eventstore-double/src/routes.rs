//! From paths to methods: what generated code would do.

use hyper::{Request, Response, body::Incoming};
use prost::Message;
use tonic::{
    Code, Status, Streaming,
    body::Body,
    codec::ProstCodec,
    server::{ClientStreamingService, Grpc, ServerStreamingService, StreamingService, UnaryService},
};

use crate::{batch, call::Call, cluster, read, write};

/// What the real server takes in one message.
const MAX_MESSAGE_SIZE: usize = 17 * 1024 * 1024;

pub(crate) async fn route(call: Call, request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/event_store.client.streams.Streams/Read" => {
            grpc().server_streaming(Handler(|asked| read::read(call.clone(), asked)), request).await
        }
        "/event_store.client.streams.Streams/Append" => {
            grpc().client_streaming(Handler(|asked| write::append(call.clone(), asked)), request).await
        }
        "/event_store.client.streams.Streams/BatchAppend" => {
            grpc().streaming(Handler(|asked| batch::append(call.clone(), asked)), request).await
        }
        "/event_store.client.streams.Streams/Delete" => {
            grpc().unary(Handler(|asked| write::delete(call.clone(), asked)), request).await
        }
        "/event_store.client.streams.Streams/Tombstone" => {
            grpc().unary(Handler(|asked| write::tombstone(call.clone(), asked)), request).await
        }
        "/event_store.client.server_features.ServerFeatures/GetSupportedMethods" => {
            grpc().unary(Handler(|asked| cluster::supported_methods(call.clone(), asked)), request).await
        }
        "/event_store.client.gossip.Gossip/Read" => {
            grpc().unary(Handler(|asked| cluster::gossip(call.clone(), asked)), request).await
        }
        path => Status::new(Code::Unimplemented, format!("the double has no {path}")).into_http(),
    }
}

fn grpc<Answer, Asked>() -> Grpc<ProstCodec<Answer, Asked>>
where
    Answer: Message + Send + 'static,
    Asked: Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default()).max_decoding_message_size(MAX_MESSAGE_SIZE)
}

/// A function as what the library calls a service.
struct Handler<Function>(Function);

impl<Function, Done, Asked, Answer> UnaryService<Asked> for Handler<Function>
where
    Function: FnMut(tonic::Request<Asked>) -> Done,
    Done: Future<Output = Result<tonic::Response<Answer>, Status>>,
{
    type Response = Answer;
    type Future = Done;

    fn call(&mut self, request: tonic::Request<Asked>) -> Done {
        (self.0)(request)
    }
}

impl<Function, Done, Asked, Answers, Answer> ServerStreamingService<Asked> for Handler<Function>
where
    Function: FnMut(tonic::Request<Asked>) -> Done,
    Done: Future<Output = Result<tonic::Response<Answers>, Status>>,
    Answers: futures_util::Stream<Item = Result<Answer, Status>>,
{
    type Response = Answer;
    type ResponseStream = Answers;
    type Future = Done;

    fn call(&mut self, request: tonic::Request<Asked>) -> Done {
        (self.0)(request)
    }
}

impl<Function, Done, Asked, Answer> ClientStreamingService<Asked> for Handler<Function>
where
    Function: FnMut(tonic::Request<Streaming<Asked>>) -> Done,
    Done: Future<Output = Result<tonic::Response<Answer>, Status>>,
{
    type Response = Answer;
    type Future = Done;

    fn call(&mut self, request: tonic::Request<Streaming<Asked>>) -> Done {
        (self.0)(request)
    }
}

impl<Function, Done, Asked, Answers, Answer> StreamingService<Asked> for Handler<Function>
where
    Function: FnMut(tonic::Request<Streaming<Asked>>) -> Done,
    Done: Future<Output = Result<tonic::Response<Answers>, Status>>,
    Answers: futures_util::Stream<Item = Result<Answer, Status>>,
{
    type Response = Answer;
    type ResponseStream = Answers;
    type Future = Done;

    fn call(&mut self, request: tonic::Request<Streaming<Asked>>) -> Done {
        (self.0)(request)
    }
}
