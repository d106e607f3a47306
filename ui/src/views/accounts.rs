//! Accounts: from what the engine and the clouds' connectors say to what the page shows.

use super::at_field;
use crate::fields::Fields;
use crate::pages::accounts::{Act, Asked, Choose, Cloud, Found, Paste, Renew, Row, Signing};
use crate::pages::dialog::{Asked as DialogField, Confirm};
use crate::pages::parts::{Field, Name, Tag, Text, Told};
use crate::pages::today::KeysLine;
use curfew_core::connect::{self, Connection, FieldKind, FoundState, PasteSheet, Renewal, Secret, Way};
use curfew_core::{AccountId, CloudId, Error, say};
use curfew_engine::{AccountView, SigningIn, Today};
use jiff::Zoned;

/// An element id out of any text.
fn slug(parts: &[&str]) -> String {
    curfew_core::ids::to_name(&parts.join(" ")).unwrap_or_default()
}

/// An account.
pub fn row(view: &AccountView, now: &Zoned) -> Row {
    let facts = &view.facts;
    let over = view.keys.is_over(now.timestamp());
    let (word, class) = match (&view.problem, view.refused_since, over) {
        (Some(_), ..) => ("not connected", "lost"),
        (None, Some(_), _) => ("keys refused", "lost"),
        (None, None, true) => ("keys over", "hot"),
        (None, None, false) => ("connected", "home"),
    };
    let mut notes = Vec::new();
    if let Some(why) = &view.problem {
        notes.push(Text(sentence(why)));
    }
    if view.problem.is_some() || view.refused_since.is_some() {
        notes.push(Text::from(
            "What runs there goes on and is billed; Curfew can neither watch nor stop it until there are keys again.",
        ));
    }
    if let Some(why) = &facts.this_session_only {
        notes.push(Text(format!("Its keys are kept for this session only: {why}. After a restart, paste them again.")));
    }
    let keys = match (&view.problem, view.refused_since) {
        (Some(_), _) => "none".into(),
        (None, Some(since)) => format!("refused since {}", say::when(since, now)),
        (None, None) => view.keys.says(now),
    };
    let mut source = vec![Text::from(&facts.source)];
    source.extend(facts.also.iter().map(|also| Text(format!("also reached by {also}"))));
    Row {
        slug: slug(&[facts.cloud.as_str(), &facts.account.0]),
        cloud: facts.cloud.to_string(),
        account: Name(facts.account.to_string()),
        title: Name::from(&facts.title),
        who: Name::from(facts.who.as_deref().unwrap_or_default()),
        home: Name(facts.home.as_ref().map(ToString::to_string).unwrap_or_default()),
        source,
        keys: Text(keys),
        state: Tag { word, class },
        notes,
        renew: match &facts.renewal {
            Renewal::Paste => Renew::Paste,
            Renewal::Code { id } => Renew::Code(Name::from(id)),
            Renewal::SignIn { id } => Renew::SignIn(Name::from(id)),
            Renewal::Elsewhere { says } => Renew::Elsewhere(Text(sentence(says))),
        },
        rights: match view.problem {
            None => super::account::address(&facts.cloud, &facts.account),
            Some(_) => String::new(),
        },
        removable: facts.removable,
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    let text = format!("{first}{}", chars.as_str());
    if text.ends_with(['.', '!', '?']) { text } else { text + "." }
}

/// "2 accounts are connected."
pub fn sub(rows: &[Row]) -> String {
    let connected = rows.iter().filter(|r| r.state.word != "not connected").count();
    match connected {
        0 => "No cloud is connected. This computer needs no account.".into(),
        n => format!("{} connected.", say::count(n, "account is", "accounts are")),
    }
}

/// What a cloud has.
pub fn cloud(
    (id, title): (&CloudId, &str),
    sheet: &PasteSheet,
    found: Result<Vec<connect::Found>, Error>,
    signing: &[SigningIn],
    now: &Zoned,
) -> Cloud {
    let (found, wrong) = match found {
        Ok(found) => (found, None),
        Err(error) => (Vec::new(), Some(Told::from(&error))),
    };
    let title_of = |wanted: &str| found.iter().find(|f| f.id == wanted).map_or(wanted, |f| f.title.as_str()).to_owned();
    let mine = signing.iter().filter(|s| s.cloud == *id);
    let signing = mine
        .map(|s| Signing {
            slug: slug(&[&s.id]),
            title: Name(title_of(&s.id)),
            code: Name::from(&s.code),
            url: Name::from(&s.url),
            opens: crate::host::may_open(&s.url),
            until: say::when(s.until, now),
            failed: s.failed.as_deref().map(Told::from),
        })
        .collect();
    Cloud {
        id: id.to_string(),
        title: title.to_owned(),
        wrong,
        signing,
        found: found.iter().map(one_found).collect(),
        paste: paste(id, sheet),
    }
}

fn one_found(found: &connect::Found) -> Found {
    let (word, class, why) = match &found.state {
        FoundState::Ready if found.chooses => ("signed in", "home", ""),
        FoundState::Ready => ("ready", "info", ""),
        FoundState::Connected => ("connected", "home", ""),
        FoundState::SignIn { says } => ("sign in", "hot", says.as_str()),
        FoundState::Code { says } => ("needs a code", "hot", says.as_str()),
        FoundState::Incomplete { says } => ("incomplete", "", says.as_str()),
    };
    Found {
        slug: slug(&[&found.id]),
        id: Name::from(&found.id),
        title: Name::from(&found.title),
        says: Text::from(&found.says),
        state: Tag { word, class },
        why: Text(if why.is_empty() { String::new() } else { sentence(why) }),
        act: match found.state {
            FoundState::Ready if found.connects => Act::Connect,
            FoundState::Ready if found.chooses => Act::Choose,
            FoundState::SignIn { .. } if found.signs_in => Act::SignIn,
            FoundState::Code { .. } => Act::Code,
            _ => Act::Nothing,
        },
    }
}

/// The accounts that a sign-in opens.
pub fn choose(cloud: &CloudId, title: &str, found: &[connect::Found]) -> Choose {
    Choose { cloud: cloud.to_string(), title: Name::from(title), found: found.iter().map(one_found).collect() }
}

/// The question for a code.
pub fn code(cloud: &CloudId, found: &connect::Found) -> Confirm {
    let why = match &found.state {
        FoundState::Code { says } => sentence(says),
        _ => String::new(),
    };
    Confirm {
        title: Name(format!("Connect {}", say::clean(&found.title, 60))),
        says: vec![
            Text(why),
            Text::from(
                "The keys of the session that it opens are kept like keys that were pasted, and end by themselves.",
            ),
        ],
        post: "/accounts/code".into(),
        hidden: vec![("cloud", Name(cloud.to_string())), ("id", Name::from(&found.id))],
        ask: Some(DialogField {
            id: "code",
            label: "Code",
            hint: "The six digits that your device shows now".into(),
            field: Field::default(),
            choices: Vec::new(),
        }),
        does: "Connect",
        leaves: "Not now",
        ..Confirm::default()
    }
}

/// The empty form.
pub fn paste(cloud: &CloudId, sheet: &PasteSheet) -> Paste {
    let kind = |kind| match kind {
        FieldKind::Plain | FieldKind::Once => "text",
        FieldKind::Hidden => "password",
        FieldKind::Block => "block",
    };
    let field = |f: &connect::FieldSheet| Asked {
        id: f.id,
        label: f.label,
        hint: f.hint,
        example: f.example,
        kind: kind(f.kind),
        field: Field::default(),
    };
    Paste {
        cloud: cloud.to_string(),
        title: sheet.title.into(),
        says: sheet.says.into(),
        fields: sheet.fields.iter().map(field).collect(),
        ..Paste::default()
    }
}

/// What the form asks for.
pub fn connection(fields: &Fields, sheet: &PasteSheet) -> Connection {
    let pasted = sheet.fields.iter().filter_map(|f| Some((f.id.to_owned(), Secret::new(fields.get(f.id)?))));
    let own = |name: &str| fields.get(name).map(str::to_owned);
    Connection {
        way: Way::Pasted(pasted.collect()),
        name: own("name"),
        region: own("region"),
        code: None,
        lasting: false,
    }
}

/// The form with what is wrong in it. What was typed is there again, apart from the secrets.
pub fn paste_wrong(cloud: &CloudId, sheet: &PasteSheet, fields: &Fields, error: &Error) -> Paste {
    let mut form = paste(cloud, sheet);
    for (asked, f) in form.fields.iter_mut().zip(sheet.fields) {
        if f.kind == FieldKind::Plain {
            fields.raw(f.id).clone_into(&mut asked.field.value);
        }
    }
    form.name = Field::of(fields.raw("name"));
    form.region = Field::of(fields.raw("region"));
    let mut places: Vec<(&str, &mut Field)> = form.fields.iter_mut().map(|a| (a.id, &mut a.field)).collect();
    places.extend([("name", &mut form.name), ("region", &mut form.region)]);
    if !at_field(error, &mut places) {
        form.told.push(Told::from(error));
    }
    form
}

/// The question before an account is removed.
pub fn forget(view: &AccountView, running: usize) -> Confirm {
    let runs = match running {
        0 => "Nothing that Curfew knows of runs there.".to_owned(),
        n => format!(
            "{} there and goes on, and is billed: Curfew can then neither watch nor stop it.",
            say::count(n, "thing runs", "things run")
        ),
    };
    Confirm {
        title: Name(format!("Remove {}?", say::clean(&view.facts.title, 60))),
        says: vec![
            Text(runs),
            Text::from(
                "Its keys leave the keychain of this computer. At the cloud nothing is changed, and it can be connected again.",
            ),
        ],
        post: "/accounts/forget".into(),
        hidden: vec![("cloud", Name(view.facts.cloud.to_string())), ("account", Name(view.facts.account.to_string()))],
        does: "Remove the account",
        leaves: "Keep it",
        ends: true,
        ..Confirm::default()
    }
}

/// How many things of an account run, as far as is known.
pub fn running(today: &Today, view: &AccountView) -> usize {
    let here = |place: &str| place.trim_end_matches(" (not connected)") == view.facts.title;
    today.training.iter().filter(|r| here(&r.place)).count() + today.serving.iter().filter(|e| here(&e.place)).count()
}

/// What Today says of keys: those that are over, those that end soon.
pub fn keys_lines(accounts: &[AccountView], now: &Zoned) -> Vec<KeysLine> {
    let line = |view: &AccountView| {
        let ends = view.keys.at().filter(|at| at.duration_since(now.timestamp()) < connect::SOON);
        let bad = view.problem.is_some() || view.refused_since.is_some() || view.keys.is_over(now.timestamp());
        let temporary = !matches!(view.keys, connect::KeyLife::Renewed { .. });
        let soon = temporary && ends.is_some();
        if !(bad || soon) {
            return None;
        }
        let row = row(view, now);
        let says = match view.problem {
            Some(_) => row.notes.first().cloned().unwrap_or_default(),
            None => Text(format!("keys {}", row.keys.0)),
        };
        Some(KeysLine { title: row.title, says, bad })
    };
    accounts.iter().filter_map(line).collect()
}

/// The account that a form names.
pub fn account_of(fields: &Fields) -> (String, AccountId) {
    (fields.raw("cloud").to_owned(), AccountId(fields.raw("account").to_owned()))
}
