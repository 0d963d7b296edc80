//! What an answer proves.

use keytrail_domain::verification::{InconclusiveReason, Verdict};
use reqwest::header::HeaderName;
use serde_json::Value;

use super::{Check, Fields, HeaderTest, JsonTest, Rule, Statuses};
use crate::guard::Answer;

/// A verdict with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is proven.
    pub verdict: Verdict,
    /// Why nothing is proven.
    pub reason: Option<InconclusiveReason>,
    /// One sentence.
    pub message: String,
}

impl Judgement {
    /// Nothing is proven.
    pub fn inconclusive(reason: InconclusiveReason, message: impl Into<String>) -> Self {
        Self { verdict: Verdict::Inconclusive, reason: Some(reason), message: message.into() }
    }
}

/// The verdict of the first rule that fits; without one, nothing is proven. `body` is the answer's
/// JSON, none when it is not JSON or was cut.
pub fn judge(check: &Check, answer: &Answer, body: Option<&Value>, fields: &Fields<'_>) -> Judgement {
    let rule = check.rules.iter().find(|rule| rule.fits(answer, body, fields));
    match (rule, answer.status) {
        (Some(rule), _) => {
            Judgement { verdict: rule.verdict, reason: rule.reason, message: rule.message.clone() }
        }
        (None, 429) => {
            Judgement::inconclusive(InconclusiveReason::RateLimited, "the system asked to come back later")
        }
        (None, status) => Judgement::inconclusive(
            InconclusiveReason::Unexpected,
            format!("the system answered {status}, which proves nothing here"),
        ),
    }
}

impl Rule {
    fn fits(&self, answer: &Answer, body: Option<&Value>, fields: &Fields<'_>) -> bool {
        self.status.contain(answer.status, fields)
            && self.header.as_ref().is_none_or(|test| test.passes(answer))
            && self.json.as_ref().is_none_or(|test| body.is_some_and(|body| test.passes(body)))
    }
}

impl Statuses {
    fn contain(&self, status: u16, fields: &Fields<'_>) -> bool {
        match self {
            Self::List(codes) => codes.contains(&status),
            Self::Range(range) => (range.from..=range.to).contains(&status),
            Self::Field(name) => {
                let codes = fields.plain_value(&name.field).and_then(Value::as_array);
                codes.is_some_and(|codes| codes.iter().any(|code| code.as_u64() == Some(status.into())))
            }
        }
    }
}

impl JsonTest {
    fn passes(&self, body: &Value) -> bool {
        self.path.find(body).into_iter().any(|node| {
            self.equals.as_ref().is_none_or(|wanted| node == wanted)
                && self.one_of.as_ref().is_none_or(|wanted| wanted.contains(node))
                && self
                    .contains
                    .as_ref()
                    .is_none_or(|piece| node.as_str().is_some_and(|text| text.contains(piece.as_str())))
        })
    }
}

impl HeaderTest {
    fn passes(&self, answer: &Answer) -> bool {
        let Ok(name) = HeaderName::from_bytes(self.name.as_bytes()) else { return false };
        answer.header(&name).is_some_and(|text| {
            self.equals.as_ref().is_none_or(|wanted| text == wanted)
                && self.one_of.as_ref().is_none_or(|wanted| wanted.iter().any(|wanted| text == wanted))
                && self.contains.as_ref().is_none_or(|piece| text.contains(piece.as_str()))
        })
    }
}
