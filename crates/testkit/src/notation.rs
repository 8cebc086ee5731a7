//! Journey notation: `ana: view@0s cart@30s{product=hat} buy@2024-01-01T00:02:00Z`.

use diptych_event::time::{Zone, parse_duration, parse_question_time};

use crate::world::{CodeOrder, Row, START_US, World};

impl World {
    /// Reads one journey per line; an actor may have several lines.
    ///
    /// An event is `name@moment{property=value,…}`; `interactive=false` marks rows that are not user activity.
    /// Simultaneous events of an actor keep the order in which they are written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rows: Vec<Row> = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (actor, events) = line.split_once(':').ok_or_else(|| format!("\"{line}\" has no actor; write ana: view@0s cart@30s"))?;
            parse_events(actor.trim(), events, &mut rows)?;
        }
        Ok(Self::new(rows, CodeOrder::Arrival))
    }
}

/// Reads the events of one actor's line and adds them to `rows`.
pub fn parse_events(actor: &str, text: &str, rows: &mut Vec<Row>) -> Result<(), String> {
    for word in words(text) {
        let (head, properties) = match word.split_once('{') {
            Some((head, rest)) => (head, rest.strip_suffix('}').ok_or_else(|| format!("\"{word}\" opens a brace and does not close it"))?),
            None => (word, ""),
        };
        let (name, moment) = head.rsplit_once('@').ok_or_else(|| format!("\"{word}\" has no time; write view@30s"))?;
        let tie = rows.iter().filter(|row| row.actor == actor).count() as u64;
        let mut row = Row {
            actor: actor.to_owned(),
            time_us: parse_moment(moment)?,
            tie,
            name: name.to_owned(),
            interactive: true,
            properties: Vec::new(),
        };
        for property in properties.split(',').map(str::trim).filter(|property| !property.is_empty()) {
            let (name, value) = property.split_once('=').ok_or_else(|| format!("\"{property}\" has no value; write device=phone"))?;
            match (name, value) {
                ("interactive", "true" | "false") => row.interactive = value == "true",
                ("interactive", _) => return Err(format!("interactive is true or false, not \"{value}\"")),
                _ => row.properties.push((name.to_owned(), value.to_owned())),
            }
        }
        rows.push(row);
    }
    Ok(())
}

/// Reads an offset from 2024-01-01T00:00Z (`1d2h`) or an instant (`2024-03-10T05:00:00Z`) into microseconds.
pub fn parse_moment(text: &str) -> Result<i64, String> {
    match parse_duration(text) {
        Ok(offset_us) => Ok(START_US + offset_us),
        Err(what) => parse_question_time(text, Zone::UTC).map_err(|_| format!("{what}; or an instant: 2024-03-10T05:00:00Z")),
    }
}

/// Splits at white space outside of braces.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut start, mut inside) = (Vec::new(), None, false);
    for (at, c) in text.char_indices() {
        inside = (inside || c == '{') && c != '}';
        match (c.is_whitespace() && !inside, start) {
            (true, Some(from)) => {
                words.push(&text[from..at]);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    words.extend(start.map(|from| &text[from..]));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_with_properties_and_instants() {
        let world =
            World::parse("ana: view@1d2h{device=phone, page=/a} buy@2024-01-02T02:00:00Z\n\nana: ping@1s{interactive=false}").unwrap();
        let rows = world.rows();
        assert_eq!(rows[0].time_us, rows[1].time_us);
        assert_eq!(rows[0].properties, [("device".into(), "phone".into()), ("page".into(), "/a".into())]);
        assert_eq!((rows[2].tie, rows[2].interactive), (2, false));
    }

    #[test]
    fn slips_are_explained() {
        for (text, what) in [
            ("view@0s", "no actor"),
            ("ana: view", "no time"),
            ("ana: view@soon", "not a duration"),
            ("ana: view@0s{device=phone", "does not close"),
            ("ana: view@0s{device}", "no value"),
            ("ana: view@0s{interactive=no}", "true or false"),
        ] {
            let error = World::parse(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
