//! A shop that knows accounts only: nobody's use is recorded, and no margin is said.

mod common;

use common::*;

const SPEC: &str = "format: 1
name: Corner shop
zone: America/New_York
currency: USD
stages:
  - { name: awareness, enter: letter, lost_after: 10d }
  - { name: purchase, enter: order }
sources:
  till:
    files: [till*.csv]
    zone: UTC
    observed_until: 2024-07-01
    each: { time: at, customer: who }
    events: [{ name: what, fields: { value: price } }]
";

const ROWS: &str = "at,who,what,price
2024-01-10T12:00:00Z,ana,letter,
2024-01-12T12:00:00Z,ana,order,30.00
2024-01-10T12:00:00Z,bob,letter,
2024-02-01T03:00:00Z,cem,order,5.00
2024-05-20T12:00:00Z,ana,order,10.00
";

fn shop() -> tempfile::TempDir {
    let dir = workspace(SPEC);
    let till = file(dir.path(), "till.csv", ROWS);
    ok(&["import", dir.path().to_str().unwrap(), &till]);
    dir
}

#[test]
fn the_end_of_observation_is_what_the_spec_says() {
    let dir = shop();
    let months =
        |more: &[&str]| ask(dir.path(), "retention", &[&["--start", "order", "--back", "order", "--period", "month"], more].concat());
    let answer = months(&["--periods", "5"]);
    assert_eq!(answer["window"]["observed_until"], "2024-07-01T04:00:00Z");
    // Ana and Cem ordered in January, local time; June is over although the last event is of May.
    let of = |k: usize| (cell(&answer, &format!("period:{k}"))["x"].clone(), cell(&answer, &format!("period:{k}"))["n"].clone());
    assert_eq!((of(4), of(5)), ((1.into(), 2.into()), (0.into(), 2.into())));
}
