//! The checked-in schema, as far as tests walk over it.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, FieldDefinition, ObjectType, Type, TypeKind, TypeSystemDefinition},
};

/// A field of an object type: its type, and whether it takes `first`.
#[derive(Clone)]
struct Field {
    name: String,
    of: String,
    paged: bool,
}

/// Types by name.
pub(crate) struct Sdl {
    objects: BTreeMap<String, Vec<Field>>,
    unions: BTreeMap<String, Vec<String>>,
}

const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];

impl Sdl {
    pub(crate) fn read() -> Self {
        let document = parse_schema(include_str!("../../graphql/schema.graphql")).expect("the schema");
        let mut sdl = Self { objects: BTreeMap::new(), unions: BTreeMap::new() };
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::Object(object) => sdl.add_object(name, &object),
                TypeKind::Union(union) => {
                    let members = union.members.iter().map(|member| member.node.to_string());
                    sdl.unions.insert(name, members.collect());
                }
                _ => {}
            }
        }
        sdl
    }

    /// Which input each mutation takes, and the fields of each input.
    pub(crate) fn inputs() -> (BTreeMap<String, String>, BTreeMap<String, Vec<String>>) {
        let document = parse_schema(include_str!("../../graphql/schema.graphql")).expect("the schema");
        let (mut taken, mut fields) = (BTreeMap::new(), BTreeMap::new());
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::Object(object) if name == "Mutation" => {
                    taken.extend(object.fields.iter().map(|field| {
                        let input = field.node.arguments.first().map(|input| base(&input.node.ty.node));
                        (field.node.name.node.to_string(), input.unwrap_or_default())
                    }));
                }
                TypeKind::InputObject(input) => {
                    let names = input.fields.iter().map(|field| field.node.name.node.to_string());
                    fields.insert(name, names.collect());
                }
                _ => {}
            }
        }
        (taken, fields)
    }

    fn add_object(&mut self, name: String, object: &ObjectType) {
        for interface in &object.implements {
            self.unions.entry(interface.node.to_string()).or_default().push(name.clone());
        }
        let fields = object.fields.iter().map(|field| self::field(&field.node)).collect();
        self.objects.insert(name, fields);
    }

    /// `Query.viewer` and so on: every field of the three roots.
    pub(crate) fn roots(&self) -> BTreeSet<String> {
        ROOTS.iter().flat_map(|root| self.fields_of(root)).collect()
    }

    /// `Credential.name` and so on: every field of all other object types.
    pub(crate) fn leaves(&self) -> BTreeSet<String> {
        let others = self.objects.keys().filter(|name| !ROOTS.contains(&name.as_str()));
        others.flat_map(|name| self.fields_of(name)).collect()
    }

    fn fields_of(&self, name: &str) -> Vec<String> {
        self.objects[name].iter().map(|field| format!("{name}.{}", field.name)).collect()
    }

    /// A selection of everything below a root's field, with what it asks added to `asked`. A type
    /// is not entered again inside itself.
    pub(crate) fn everything(&self, root: &str, field: &str, asked: &mut BTreeSet<String>) -> String {
        let fields = &self.objects[root];
        let field = fields.iter().find(|known| known.name == field).expect("a field of the root");
        self.selection(&field.of, &mut Vec::new(), asked)
    }

    fn selection(&self, of: &str, inside: &mut Vec<String>, asked: &mut BTreeSet<String>) -> String {
        if let Some(members) = self.unions.get(of) {
            let open: Vec<_> = members.iter().filter(|member| !inside.contains(member)).collect();
            let outside = inside.len();
            if of == "Node" {
                // It has a part for each of its types: none is entered again inside another one.
                inside.extend(members.iter().cloned());
            }
            let part = |member: &String| format!("... on {member} {}", self.selection(member, inside, asked));
            let parts: Vec<_> = open.into_iter().map(part).collect();
            inside.truncate(outside);
            return format!("{{ __typename {} }}", parts.join(" "));
        }
        let Some(fields) = self.objects.get(of) else { return String::new() };
        inside.push(of.to_owned());
        let mut parts = vec!["__typename".to_owned()];
        let open: Vec<_> = fields.iter().filter(|field| !inside.contains(&field.of)).collect();
        for field in open {
            asked.insert(format!("{of}.{}", field.name));
            // Nodes are asked through `nodes`; once is enough.
            let below = if of.ends_with("Edge") && field.name == "node" {
                "{ __typename }".to_owned()
            } else {
                self.selection(&field.of, inside, asked)
            };
            let page = if field.paged { "(first: 3)" } else { "" };
            parts.push(format!("{}{page} {below}", field.name));
        }
        inside.pop();
        format!("{{ {} }}", parts.join(" "))
    }
}

fn field(field: &FieldDefinition) -> Field {
    let paged = field.arguments.iter().any(|argument| argument.node.name.node == "first");
    Field { name: field.name.node.to_string(), of: base(&field.ty.node), paged }
}

fn base(of: &Type) -> String {
    match &of.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(of) => base(of),
    }
}
