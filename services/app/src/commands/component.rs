//! The tenant's own components.

use keytrail_domain::{
    FieldError, StreamId,
    component::{Component, ComponentCommand, OwnComponent},
};
use keytrail_ports::{
    Action, Object, Scope,
    views::{CredentialFilter, CredentialOrder, CredentialQuery, PageRequest},
};
use serde_json::Value;

use crate::{
    App, AppError, Call, Done, Mutation,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
    queries::own_slug,
};

/// Most own components of one tenant.
const MOST: usize = 500;

/// The changed component's slug, `<tenant>/<slug>`.
type Answer = Result<Done<String>, AppError>;

impl App {
    /// Makes a component of the tenant's own. Its definition has the format of the built-in ones; the
    /// tenant's name is put before its slug.
    ///
    /// # Errors
    /// Bad input with paths; `CONFLICT` for a slug that the tenant has already.
    pub async fn register_component(&self, call: &Call, mutation: Mutation, definition: Value) -> Answer {
        self.authorize(call, Action::Create, Object::Component).await?;
        let own = slug_of(&definition)?;
        let slug = format!("{}/{own}", self.tenant(call).await?.slug);
        let stream = StreamId::component(call.principal.tenant, &own);
        let ticket = match self.admit(call, &mutation, About::Stream(stream.clone())).await? {
            Admission::Done(done) => return Ok(done.map(|_| slug)),
            Admission::Do(ticket) => ticket,
        };
        if self.ports().views.components(call.principal.tenant).await?.len() >= MOST {
            return Err(AppError::Refused {
                reason: "TOO_MANY_COMPONENTS",
                message: format!("a tenant has at most {MOST} components of its own: delete some"),
                details: Value::Null,
            });
        }
        let definition = self.next_definition(&stream, definition).await?;
        let command = ComponentCommand::Register { definition };
        self.change_component(call, &ticket, (stream, slug, None), command).await
    }

    /// Gives a component of the tenant's own another definition. Credentials keep the version that they
    /// were made with until somebody gives all their secrets again.
    ///
    /// # Errors
    /// Bad input with paths, also for a secret field that would be none any more.
    pub async fn update_component(
        &self,
        call: &Call,
        mutation: Mutation,
        slug: String,
        definition: Value,
        expected: Option<u64>,
    ) -> Answer {
        self.authorize(call, Action::Update, Object::Component).await?;
        let (stream, own) = self.own_stream(call, &slug)?;
        let ticket = match self.admit(call, &mutation, About::Stream(stream.clone())).await? {
            Admission::Done(done) => return Ok(done.map(|_| slug)),
            Admission::Do(ticket) => ticket,
        };
        if slug_of(&definition)? != own {
            let rule = "must be the part of `slug` behind the slash: a component keeps its slug";
            return Err(AppError::bad_input("definition.slug", rule));
        }
        let definition = self.next_definition(&stream, definition).await?;
        let command = ComponentCommand::Update { definition };
        self.change_component(call, &ticket, (stream, slug, expected), command).await
    }

    /// Ends a component of the tenant's own that no credential is of.
    ///
    /// # Errors
    /// `COMPONENT_IN_USE` with how many there are.
    pub async fn delete_component(
        &self,
        call: &Call,
        mutation: Mutation,
        slug: String,
        expected: Option<u64>,
    ) -> Answer {
        self.authorize(call, Action::Delete, Object::Component).await?;
        let (stream, _) = self.own_stream(call, &slug)?;
        let ticket = match self.admit(call, &mutation, About::Stream(stream.clone())).await? {
            Admission::Done(done) => return Ok(done.map(|_| slug)),
            Admission::Do(ticket) => ticket,
        };
        let credentials =
            self.credentials_of(call, &slug, false).await? + self.credentials_of(call, &slug, true).await?;
        let command = ComponentCommand::Delete { credentials };
        self.change_component(call, &ticket, (stream, slug, expected), command).await
    }

    fn own_stream<'a>(&self, call: &Call, slug: &'a str) -> Result<(StreamId, &'a str), AppError> {
        let tenant = call.principal.tenant;
        if self.ports().components.get(slug).is_some() {
            return Err(AppError::bad_input("slug", "is a built-in component, which nobody changes"));
        }
        let own = own_slug(tenant, slug).filter(|own| is_slug(own)).ok_or(AppError::NotFound)?;
        Ok((StreamId::component(tenant, own), own))
    }

    /// The definition, well formed and with the version that comes next; a version that it has must be
    /// that one.
    async fn next_definition(
        &self,
        stream: &StreamId,
        mut definition: Value,
    ) -> Result<Box<Component>, AppError> {
        let next = self.load::<OwnComponent>(stream).await?.next_version();
        if let Some(entries) = definition.as_object_mut() {
            entries.entry("version").or_insert_with(|| next.into());
        }
        let component = self.ports().components.validate(&definition).map_err(inside)?;
        if component.version != next {
            let rule = format!("must be {next}, or left out");
            return Err(AppError::bad_input("definition.version", rule));
        }
        Ok(Box::new(component))
    }

    async fn change_component(
        &self,
        call: &Call,
        ticket: &Ticket,
        (stream, slug, expected): (StreamId, String, Option<u64>),
        command: ComponentCommand,
    ) -> Answer {
        let execution = Execution::of(call, stream, ticket).at(expected);
        let done = self.execute::<OwnComponent>(execution, |_| Ok(command.clone())).await?;
        Ok(done.map(|()| slug))
    }

    /// How many credentials of anybody are of a component, of any version.
    async fn credentials_of(&self, call: &Call, slug: &str, deleted: bool) -> Result<u64, AppError> {
        let query = CredentialQuery {
            tenant: call.principal.tenant,
            scope: Scope::All,
            filter: CredentialFilter {
                components: vec![slug.to_owned()],
                deleted,
                ..CredentialFilter::default()
            },
            order: CredentialOrder::default(),
            page: PageRequest::first(1),
            now: self.now(),
        };
        Ok(self.ports().views.count_credentials(query).await?)
    }
}

/// The slug inside a definition.
fn slug_of(definition: &Value) -> Result<String, AppError> {
    if !definition.is_object() {
        return Err(AppError::bad_input("definition", "must be a JSON object"));
    }
    let slug = definition["slug"].as_str().filter(|slug| is_slug(slug));
    slug.map(str::to_owned).ok_or_else(|| {
        let rule =
            "must be 1 to 64 lower-case letters, digits and dashes; the tenant's name is put before it";
        AppError::bad_input("definition.slug", rule)
    })
}

/// As `definition.slug` must be; what else it may not be, the catalogue says.
fn is_slug(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// The places of a definition, as places of the input.
fn inside(errors: Vec<FieldError>) -> AppError {
    let place = |error: FieldError| {
        let path = match error.path.as_str() {
            "" | "." => "definition".to_owned(),
            path => format!("definition.{path}"),
        };
        FieldError { path, ..error }
    };
    AppError::BadInput(errors.into_iter().map(place).collect())
}
