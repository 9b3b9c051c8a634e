//! Who may connect to a server, and what they may do.

use std::fmt::Write as _;

/// Whom a server lets in.
#[derive(Clone, Debug, Default)]
pub enum Authorization {
    /// Everybody, with every permission.
    #[default]
    Open,
    /// Whoever has this token.
    Token(String),
    /// These users.
    Users(Vec<User>),
    /// What this text says, in the server's own configuration language. It comes to lie in a file that the configuration
    /// `include`s, as deployments keep their accounts apart from the rest.
    Included(String),
}

/// Somebody who may connect.
#[derive(Clone, Debug)]
pub struct User {
    /// How they prove who they are.
    pub credential: Credential,
    /// What they may do; everything where it is `None`.
    pub permissions: Option<Permissions>,
}

/// A proof of identity.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password, in clear.
        password: String,
    },
    /// An nkey: the server has the public half (`U…`) and a nonce to sign.
    Nkey(String),
}

/// The only subjects a user may publish or subscribe to; wildcards as in NATS. An empty list allows nothing.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    /// May be published to.
    pub publish: Vec<String>,
    /// May be subscribed to.
    pub subscribe: Vec<String>,
    /// Whether they may answer a request whose reply subject is not in `publish`.
    pub allow_responses: bool,
}

impl User {
    /// A user with a password who may do everything.
    #[must_use]
    pub fn named(user: &str, password: &str) -> Self {
        let credential = Credential::Password { user: user.to_owned(), password: password.to_owned() };
        Self { credential, permissions: None }
    }

    /// A user with an nkey who may do everything.
    #[must_use]
    pub fn nkey(public: &str) -> Self {
        Self { credential: Credential::Nkey(public.to_owned()), permissions: None }
    }

    /// The same user with these permissions alone.
    #[must_use]
    pub fn may(self, publish: &[&str], subscribe: &[&str]) -> Self {
        let owned = |subjects: &[&str]| subjects.iter().map(|subject| (*subject).to_owned()).collect();
        let permissions =
            Permissions { publish: owned(publish), subscribe: owned(subscribe), allow_responses: false };
        Self { permissions: Some(permissions), ..self }
    }

    fn render(&self, text: &mut String) {
        text.push_str("    {");
        match &self.credential {
            Credential::Password { user, password } => {
                let _ = write!(text, " user: {user:?}, password: {password:?}");
            }
            Credential::Nkey(public) => {
                let _ = write!(text, " nkey: {public:?}");
            }
        }
        if let Some(Permissions { publish, subscribe, allow_responses }) = &self.permissions {
            let _ = write!(
                text,
                ", permissions: {{ publish: {{ allow: {publish:?} }}, subscribe: {{ allow: {subscribe:?} }}"
            );
            if *allow_responses {
                text.push_str(", allow_responses: true");
            }
            text.push_str(" }");
        }
        text.push_str(" }\n");
    }
}

impl Authorization {
    /// The block of the configuration; `None` for the two kinds that have none of their own.
    pub(super) fn block(&self) -> Option<String> {
        match self {
            Self::Open | Self::Included(_) => None,
            Self::Token(token) => Some(format!("authorization {{ token: {token:?} }}\n")),
            Self::Users(users) => {
                let mut text = "authorization {\n  users: [\n".to_owned();
                users.iter().for_each(|user| user.render(&mut text));
                text.push_str("  ]\n}\n");
                Some(text)
            }
        }
    }
}
