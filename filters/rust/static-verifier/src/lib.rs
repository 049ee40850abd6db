//! Exports `acme:auth/verifier`: a table of tokens.

wit_bindgen::generate!({ path: "wit", world: "static-verifier" });

use exports::acme::auth::verifier::{Claims, Guest, GuestClaims};

struct Known {
    token: &'static str,
    subject: &'static str,
    scopes: &'static [&'static str],
}

const TABLE: &[Known] = &[
    Known { token: "anna-token", subject: "anna", scopes: &["read", "write"] },
    Known { token: "bert-token", subject: "bert", scopes: &["read"] },
];

fn find(token: &str) -> Result<&'static Known, String> {
    if token.is_empty() {
        return Err("the token is empty".into());
    }
    TABLE.iter().find(|known| known.token == token).ok_or_else(|| "nobody has this token".into())
}

struct Verifier;

impl Guest for Verifier {
    type Claims = &'static Known;

    fn check(token: String) -> Result<String, String> {
        find(&token).map(|known| known.subject.into())
    }

    fn open(token: String) -> Result<Claims, String> {
        find(&token).map(Claims::new)
    }
}

impl GuestClaims for &'static Known {
    fn subject(&self) -> String {
        self.subject.into()
    }

    fn has_scope(&self, scope: String) -> bool {
        self.scopes.contains(&scope.as_str())
    }
}

export!(Verifier);
