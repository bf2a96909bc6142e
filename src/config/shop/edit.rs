//! Changes of a shop's file by a program: comments and order of what a person wrote stay.

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value, value};

use super::identity::TokenKey;

/// What a new seat begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSeat {
    /// Sign-in name.
    pub id: String,
    /// What is kept of the password: Argon2 in PHC form. A seat that the provider of the shop knows
    /// needs none.
    #[serde(skip)]
    pub password_hash: Option<String>,
    /// The `sub` by which the provider of the shop knows it.
    #[serde(default)]
    pub subject: Option<String>,
    /// The address by which the provider of the shop knows it.
    #[serde(default)]
    pub email: Option<String>,
    /// Languages, with a level behind a colon where it is not the highest.
    pub languages: Vec<String>,
    /// Skills; empty for all of the shop.
    #[serde(default)]
    pub skills: Vec<String>,
    /// Conversations at a time; the usual number when left out.
    #[serde(default)]
    pub slots: Option<u8>,
    /// What it may do beside answering.
    #[serde(default)]
    pub role: Role,
}

/// What somebody who signs in may do.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers.
    #[default]
    Seat,
    /// Also assigns, takes over and closes every conversation of the shop.
    Supervisor,
    /// Also looks after the shop's seats, origins and keys.
    Admin,
}

impl Role {
    /// The role as the file names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seat => "seat",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Seat, Self::Supervisor, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or("expected seat, supervisor or admin")
    }
}

/// Why a file cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The file is not TOML.
    #[error("shop.toml is no TOML; `tradewind doctor` says where")]
    NoToml,
    /// The name is taken.
    #[error("`{0}` is there already")]
    Taken(String),
    /// There is no such thing.
    #[error("there is no `{0}`")]
    Missing(String),
    /// The seat is one of `[crew]`, which has one password for all.
    #[error("`{0}` is one of [crew]: those have one password and are changed in the file")]
    OneOfCrew(String),
    /// Such as an inline table.
    #[error("`{0}` stands in a form that a program does not change: edit shop.toml")]
    OtherForm(&'static str),
}

/// The text of a shop's file as something that can be changed.
pub struct ShopText(DocumentMut);

impl ShopText {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is no TOML.
    pub fn read(text: &str) -> Result<Self, EditError> {
        text.parse().map(Self).map_err(|_| EditError::NoToml)
    }

    /// The changed text.
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// Adds a seat.
    ///
    /// # Errors
    /// When its name is taken.
    pub fn add_seat(&mut self, seat: &NewSeat) -> Result<(), EditError> {
        let seats = tables(self.0.as_table_mut(), "seats")?;
        if position(seats, "id", &seat.id).is_some() {
            return Err(EditError::Taken(seat.id.clone()));
        }
        let mut table = Table::new();
        table["id"] = value(seat.id.as_str());
        let texts =
            [("password", &seat.password_hash), ("subject", &seat.subject), ("email", &seat.email)];
        for (key, text) in texts {
            if let Some(text) = text {
                table[key] = value(text.as_str());
            }
        }
        table["languages"] = list(&seat.languages);
        if !seat.skills.is_empty() {
            table["skills"] = list(&seat.skills);
        }
        if let Some(slots) = seat.slots {
            table["slots"] = value(i64::from(slots));
        }
        if seat.role != Role::Seat {
            table["role"] = value(seat.role.as_str());
        }
        seats.push(table);
        Ok(())
    }

    /// Takes a seat away.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn remove_seat(&mut self, id: &str) -> Result<(), EditError> {
        self.with_seat(id, |seats, at| {
            seats.remove(at);
        })
    }

    /// Gives a seat another password.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn set_password(&mut self, id: &str, hash: &str) -> Result<(), EditError> {
        self.with_seat(id, |seats, at| {
            if let Some(seat) = seats.get_mut(at) {
                seat.remove("demo_password");
                seat["password"] = value(hash);
            }
        })
    }

    fn with_seat(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut ArrayOfTables, usize),
    ) -> Result<(), EditError> {
        let prefix = self.0.get("crew").and_then(|crew| crew.get("prefix")?.as_str());
        let of_crew = prefix.is_some_and(|prefix| id.starts_with(prefix));
        let seats = tables(self.0.as_table_mut(), "seats")?;
        match position(seats, "id", id) {
            Some(at) => {
                change(seats, at);
                Ok(())
            }
            None if of_crew => Err(EditError::OneOfCrew(id.to_owned())),
            None => Err(EditError::Missing(id.to_owned())),
        }
    }

    /// Adds a key of signed tokens; the others stay, so that tokens of the old one are believed until
    /// it is removed.
    ///
    /// # Errors
    /// When its `kid` is taken.
    pub fn add_key(&mut self, kid: &str, key: &NewKey) -> Result<(), EditError> {
        let keys = tables(self.identity()?, "keys")?;
        if position(keys, "kid", kid).is_some() {
            return Err(EditError::Taken(kid.to_owned()));
        }
        let mut table = Table::new();
        table["kid"] = value(kid);
        match key {
            NewKey::Hs256(secret) => {
                table["alg"] = value("HS256");
                table["secret"] = value(secret.as_str());
            }
            NewKey::EdDsa(public) => {
                table["alg"] = value("EdDSA");
                table["public_key"] = value(public.as_str());
            }
        }
        keys.push(table);
        Ok(())
    }

    /// Takes a key of signed tokens away.
    ///
    /// # Errors
    /// When there is none of that `kid`.
    pub fn remove_key(&mut self, kid: &str) -> Result<(), EditError> {
        let keys = tables(self.identity()?, "keys")?;
        let at = position(keys, "kid", kid).ok_or_else(|| EditError::Missing(kid.to_owned()))?;
        keys.remove(at);
        Ok(())
    }

    /// Names the pages that may connect, in place of those before.
    pub fn set_origins(&mut self, origins: &[String]) {
        self.0["origins"] = list(origins);
    }

    fn identity(&mut self) -> Result<&mut Table, EditError> {
        let mut implicit = Table::new();
        implicit.set_implicit(true);
        let identity = self.0.as_table_mut().entry("identity").or_insert(Item::Table(implicit));
        identity.as_table_mut().ok_or(EditError::OtherForm("identity"))
    }
}

/// A key to add.
#[derive(Clone, PartialEq, Eq)]
pub enum NewKey {
    /// A secret that both sides know.
    Hs256(String),
    /// An Ed25519 public key, PEM or Base64.
    EdDsa(String),
}

/// What may be told of a key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeyLine {
    /// Its name.
    pub kid: String,
    /// Its algorithm.
    pub alg: &'static str,
}

impl KeyLine {
    /// The line of one key.
    pub fn new(kid: &str, key: &TokenKey) -> Self {
        Self { kid: kid.to_owned(), alg: key.algorithm() }
    }
}

fn tables<'a>(
    parent: &'a mut Table,
    key: &'static str,
) -> Result<&'a mut ArrayOfTables, EditError> {
    let item = parent.entry(key).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    item.as_array_of_tables_mut().ok_or(EditError::OtherForm(key))
}

fn position(tables: &ArrayOfTables, key: &str, name: &str) -> Option<usize> {
    tables.iter().position(|table| table.get(key).and_then(Item::as_str) == Some(name))
}

fn list(texts: &[String]) -> Item {
    Item::Value(Value::Array(texts.iter().map(String::as_str).collect::<Array>()))
}

#[cfg(test)]
mod tests {
    use super::super::{Shop, ShopFiles};
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$c2VjcmV0c2VjcmV0";

    fn demo() -> ShopFiles {
        ShopFiles::demo()
    }

    fn edited(
        edit: impl FnOnce(&mut ShopText) -> Result<(), EditError>,
    ) -> Result<Shop, EditError> {
        let mut files = demo();
        let text = files.0.get_mut("shop.toml").expect("the file");
        let mut shop = ShopText::read(text)?;
        edit(&mut shop)?;
        *text = shop.text();
        Ok(Shop::from_files(&files).expect("a shop without mistakes"))
    }

    fn seat(id: &str) -> NewSeat {
        NewSeat {
            id: id.to_owned(),
            password_hash: Some(HASH.to_owned()),
            languages: vec!["en".to_owned(), "fr:2".to_owned()],
            role: Role::Admin,
            ..NewSeat::default()
        }
    }

    #[test]
    fn a_seat_is_added_changed_and_removed_and_nothing_else_moves() {
        let mut files = demo();
        let before = files.0.remove("shop.toml").expect("the file");

        let mut text = ShopText::read(&before).expect("TOML");
        text.add_seat(&seat("ann")).expect("added");
        let added = text.text();
        text.remove_seat("ann").expect("removed");

        assert_eq!(text.text(), before);
        let shop = edited(|shop| shop.add_seat(&seat("ann"))).expect("a shop");
        let ann = &shop.seats[&"ann".into()];
        assert!(ann.admin && ann.supervisor && ann.replies);
        for line in before.lines().filter(|line| line.starts_with('#')) {
            assert!(added.contains(line), "{line}");
        }
    }

    #[test]
    fn names_that_are_taken_missing_or_of_the_crew_are_told() {
        assert_eq!(
            edited(|shop| shop.add_seat(&seat("mai"))).map(|_| ()),
            Err(EditError::Taken("mai".to_owned()))
        );
        for (id, error) in [
            ("nobody", EditError::Missing("nobody".to_owned())),
            ("seat-001", EditError::OneOfCrew("seat-001".to_owned())),
        ] {
            assert_eq!(edited(|shop| shop.remove_seat(id)).map(|_| ()), Err(error.clone()));
            assert_eq!(edited(|shop| shop.set_password(id, HASH)).map(|_| ()), Err(error));
        }
        let shop = edited(|shop| shop.set_password("mai", HASH)).expect("a shop");
        assert!(!shop.seats[&"mai".into()].password.as_ref().is_some_and(|it| it.verify("demo")));
    }

    #[test]
    fn keys_rotate_by_adding_one_and_removing_the_other() {
        let secret = |letter: &str| NewKey::Hs256(letter.repeat(40));
        let shop = edited(|shop| {
            shop.add_key("old", &secret("a"))?;
            shop.add_key("new", &secret("b"))
        });
        let both = shop.expect("a shop").customer_proof;
        assert_eq!(both.keys.keys().collect::<Vec<_>>(), ["new", "old"]);

        let shop = edited(|shop| {
            shop.add_key("old", &secret("a"))?;
            assert_eq!(shop.add_key("old", &secret("b")), Err(EditError::Taken("old".to_owned())));
            shop.remove_key("old")?;
            shop.set_origins(&["https://a.example".to_owned()]);
            Ok(())
        });
        let shop = shop.expect("a shop");
        assert!(shop.customer_proof.keys.is_empty());
        assert!(shop.origins.allow("https://a.example") && !shop.origins.allow_loopback());
    }

    #[test]
    fn a_file_names_at_most_2000_seats_and_each_language_of_a_seat_once() {
        let told = |seats: &str| {
            let mut files = demo();
            files.0.get_mut("shop.toml").expect("the file").push_str(seats);
            Shop::from_files(&files).expect_err("a mistake").to_string()
        };
        let seat = |id: usize, languages: &str| {
            let password = format!("password = \"{HASH}\"");
            format!("\n[[seats]]\nid = \"s{id}\"\n{password}\nlanguages = [{languages}]\n")
        };

        let many: String = (0..2_001).map(|id| seat(id, "\"en\"")).collect();
        let twice = told(&seat(0, "\"en\", \"fr\", \"en:2\""));

        assert!(told(&many).contains("seats: are too many; accepted: at most 2000"));
        assert!(twice.contains("languages: names one twice"), "{twice}");
    }
}
