//! The way of a new user: files in, answers out, rejected rows corrected.

mod common;

use common::*;

#[test]
fn a_csv_file_becomes_answers_without_a_hand_written_spec() {
    let dir = tempfile::tempdir().unwrap();
    let orders = file(
        dir.path(),
        "orders.csv",
        "Order ID,Date,Customer,Amount,Shop\n1,01/03/2024 10:00,ana,12.50,North\n2,15/03/2024 11:00,bob,7.00,South\n3,20/03/2024 12:00,ana,3.20,North\n4,21/03/2024 12:00,ana,5.00,North\n",
    );
    let shop = dir.path().join("shop");
    let shop = shop.to_str().unwrap();
    let report = ok(&["init", shop, "--from", &orders]);
    for part in ["customer", "Customer", "Date", "Amount", "diptych import"] {
        assert!(report.contains(part), "{part} in {report}");
    }
    let imported = ok(&["import", shop, &orders]);
    assert!(imported.contains("4 events accepted"), "{imported}");
    let answer = ask(shop.as_ref(), "sessions", &[]);
    assert_eq!(cell(&answer, "sessions")["n"], 4);
    assert_eq!(cell(&answer, "sessions")["people"], 2);
    assert_eq!(sql(shop.as_ref(), "select sum(value_cents) as cents from events")[0]["cents"], 2770);
    assert!(fails(&["init", shop, "--from", &orders]).contains("there is a spec already"));
}

#[test]
fn questions_answer_in_three_formats_and_open_to_people() {
    let dir = workspace(SHOP);
    let web = file(dir.path(), "web.csv", SHOP_ROWS);
    let root = dir.path().to_str().unwrap();
    ok(&["import", root, &web]);
    let steps = ["--step", "view", "--step", "cart", "--step", "buy"];
    let answer = ask(dir.path(), "funnel", &steps);
    assert_eq!(cell(&answer, "step:2")["x"], 2);
    assert_eq!(cell(&answer, "step:2")["n"], 3);
    assert_eq!(answer["parameters"]["window"], "14d");
    assert_eq!(answer["window"]["observed_until"], "2024-03-02T11:05:00Z");
    let table = ok(&[&["ask", root, "funnel"], &steps[..]].concat());
    assert!(table.contains("2 of 3") && table.contains("How it counts"), "{table}");
    let csv = ok(&[&["ask", root, "funnel", "--format", "csv"], &steps[..]].concat());
    assert!(csv.starts_with("group,id,label") && csv.contains("step:3"), "{csv}");
    let who = ok(&[&["who", root, "funnel", "--cell", "stopped:2", "--format", "csv"], &steps[..]].concat());
    assert_eq!(who, "actor,time,name\r\nbob,2024-03-01T11:00:00Z,view\r\nbob,2024-03-01T11:05:00Z,cart\r\n");
}

#[test]
fn modifiers_select_split_and_compare() {
    let dir = workspace(SHOP);
    let web = file(dir.path(), "web.csv", SHOP_ROWS);
    ok(&["import", dir.path().to_str().unwrap(), &web]);
    let steps = ["--step", "view", "--step", "cart"];
    let with = |more: &[&str]| ask(dir.path(), "funnel", &[&steps[..], more].concat());
    assert_eq!(cell(&with(&["--where", "device = 'phone'"]), "step:1")["n"], 2);
    assert_eq!(cell(&with(&["--where", "size > 2"]), "step:1")["n"], 1);
    assert_eq!(cell(&with(&["--actors", "n_events > 1"]), "step:1")["n"], 2);
    assert_eq!(cell(&with(&["--from", "2024-03-02"]), "step:1")["n"], 1);
    assert_eq!(cell(&with(&["--to", "2024-03-02"]), "step:1")["n"], 2);
    let split = with(&["--by", "device"]);
    let groups: Vec<(&str, u64)> = split["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["group"].as_str().unwrap(), group["cells"][0]["n"].as_u64().unwrap()))
        .collect();
    assert_eq!(groups, [("laptop", 1), ("phone", 2)]);
    let versus = with(&["--versus", "device = 'phone'"]);
    assert_eq!(versus["differences"][0]["value"], -0.5);
    assert_eq!(versus["groups"][0]["group"], "device = 'phone'");
    let root = dir.path().to_str().unwrap();
    let error = fails(&["ask", root, "funnel", "--step", "view", "--where", "devise = 'phone'"]);
    assert!(error.contains("no column devise") && error.contains("did you mean \"device\"?"), "{error}");
    let error = fails(&["ask", root, "funnel", "--step", "veiw"]);
    assert!(error.contains("did you mean \"view\"?"), "{error}");
    let error = fails(&["ask", root, "sessions", "--where", "device"]);
    assert!(error.contains("not a condition"), "{error}");
}

#[test]
fn rejected_rows_are_kept_corrected_and_imported_again() {
    let dir = workspace(SHOP);
    let root = dir.path().to_str().unwrap();
    let bad = "id,at,who,what,device,price,size,colour\n7,yesterday,ana,view,phone,,1,\n8,2024-03-03T10:00:00Z,,view,phone,,1,\n9,2024-03-03T10:00:00Z,zoe,buy,phone,abc,1,\n10,2024-03-03T10:00:00Z,zoe,view,phone,,1,\n";
    let web = file(dir.path(), "web.csv", bad);
    let imported = ok(&["import", root, &web]);
    assert!(imported.contains("1 events accepted") && imported.contains("3 rejected"), "{imported}");
    let list = ok(&["quarantine", root, "list"]);
    for part in ["3 rejected rows", "web.csv:2", "yesterday", "column price", "nobody"] {
        assert!(list.contains(part), "{part} in {list}");
    }
    let fix = dir.path().join("fix.csv");
    let fix = fix.to_str().unwrap();
    ok(&["quarantine", root, "export", "--source", "web", "-o", fix]);
    let text = std::fs::read_to_string(fix).unwrap();
    let corrected = text.replace("yesterday", "2024-03-03T09:00:00Z").replace(",abc,", ",9.90,");
    assert_ne!(text, corrected);
    std::fs::write(fix, corrected).unwrap();
    let again = ok(&["import", root, fix, "--source", "web"]);
    assert!(again.contains("2 events accepted") && again.contains("1 rejected"), "{again}");
    assert!(ok(&["quarantine", root, "list"]).contains("1 rejected rows"));
    assert_eq!(sql(dir.path(), "select count(*) as n from events")[0]["n"], 3);
}

#[test]
fn a_corrected_spec_lets_rejected_rows_in() {
    let dir = workspace(&SHOP.replace("who", "person"));
    let root = dir.path().to_str().unwrap();
    let web = file(dir.path(), "web.csv", "id,at,person,who,what,device,price,size\n1,01.03.2024,,ana,view,phone,,1\n");
    assert!(ok(&["import", root, &web]).contains("1 rejected"));
    std::fs::write(dir.path().join("diptych.yaml"), SHOP.replace("    each:", "    time_format: \"%d.%m.%Y\"\n    each:")).unwrap();
    assert!(ok(&["quarantine", root, "retry"]).contains("1 events accepted"));
    assert!(ok(&["quarantine", root, "list"]).contains("0 rejected rows"));
}

#[test]
fn replays_are_recognised_by_ids_and_by_files() {
    let dir = workspace(SHOP);
    let root = dir.path().to_str().unwrap();
    let web = file(dir.path(), "web.csv", SHOP_ROWS);
    let first = ok(&["import", root, &web]);
    assert!(first.contains("6 events accepted") && first.contains("size: 1 values are not of the declared type"), "{first}");
    assert!(ok(&["import", root, &web]).contains("imported before"));
    let more = file(
        dir.path(),
        "web2.csv",
        format!("{SHOP_ROWS}7,2024-03-02T12:00:00Z,eve,cart,phone,,,\n3,2024-03-01T10:02:00Z,ana,buy,phone,99.00,3,red\n"),
    );
    let second = ok(&["import", root, &more]);
    assert!(second.contains("1 events accepted, 6 duplicates, 1 rejected"), "{second}");
    assert!(ok(&["quarantine", root, "list"]).contains("same event_id and other content"));
    // Rows without ids are kept however often they stand in files.
    let dir = workspace(&SHOP.replace("event_id: id, ", ""));
    let root = dir.path().to_str().unwrap();
    let web = file(dir.path(), "web.csv", SHOP_ROWS.to_owned() + SHOP_ROWS.split_once('\n').unwrap().1);
    assert!(ok(&["import", root, &web]).contains("12 events accepted, 0 duplicates"));
}

#[test]
fn one_row_can_make_several_events() {
    let spec = "format: 1
currency: EUR
sources:
  orders:
    files: [orders*]
    where: status <> 'test'
    each: { time: day, customer: customer, order_id: id }
    events:
      - name: \"'order'\"
        fields: { value: total, channel: channel }
      - name: \"'coupon_redeemed'\"
        where: coupon <> ''
        fields: { channel: \"'coupon'\", properties: { code: coupon } }
";
    let dir = workspace(spec);
    let rows = "id\tday\tcustomer\ttotal\tchannel\tcoupon\tstatus\nA\t2024-01-01\tana\t10\tshop\tSPRING\tok\nB\t2024-01-02\tbob\t20\tweb\t\tok\nC\t2024-01-02\tbob\t20\tweb\t\ttest\n";
    let orders = file(dir.path(), "orders.tsv", rows);
    let imported = ok(&["import", dir.path().to_str().unwrap(), &orders]);
    assert!(imported.contains("3 events accepted") && imported.contains("1 skipped"), "{imported}");
    let rows = sql(dir.path(), "select name, channel, value_cents, properties from events order by time, name");
    assert_eq!(rows[0]["name"], "coupon_redeemed");
    assert_eq!(rows[0]["properties"], r#"{"code":"SPRING"}"#);
    assert_eq!(rows[1]["value_cents"], 1000);
}

#[test]
fn a_property_answers_undeclared_and_after_its_declaration_without_a_new_import() {
    let dir = workspace(SHOP);
    let root = dir.path().to_str().unwrap();
    let web = file(dir.path(), "web.csv", SHOP_ROWS);
    ok(&["import", root, &web]);
    let groups = |answer: &serde_json::Value| -> Vec<serde_json::Value> {
        answer["groups"].as_array().unwrap().iter().map(|group| group["group"].clone()).collect()
    };
    let expected: [serde_json::Value; 3] = [serde_json::Value::Null, "blue".into(), "red".into()];
    let undeclared = ask(dir.path(), "sessions", &["--by", "colour"]);
    assert_eq!(groups(&undeclared), expected);
    assert!(undeclared["notes"].to_string().contains("colour is not declared"), "{}", undeclared["notes"]);
    assert_eq!(cell(&ask(dir.path(), "sessions", &["--where", "upper(colour) = 'RED'"]), "sessions")["n"], 1);
    assert!(fails(&["ask", root, "sessions", "--by", "taste"]).contains("no column taste"));
    std::fs::write(
        dir.path().join("diptych.yaml"),
        SHOP.replace("  size: { type: integer }", "  size: { type: integer }\n  colour: { type: text }"),
    )
    .unwrap();
    let declared = ask(dir.path(), "sessions", &["--by", "colour"]);
    assert_eq!(declared["groups"], undeclared["groups"]);
    assert!(!declared["notes"].to_string().contains("colour"), "{}", declared["notes"]);
}

#[test]
fn every_operator_has_help_and_an_answer_in_sql_terms() {
    let list: serde_json::Value = serde_json::from_str(&ok(&["list", "--format", "json"])).unwrap();
    for about in list.as_array().unwrap() {
        let id = about["id"].as_str().unwrap();
        let help = ok(&["ask", ".", id, "--help"]);
        assert!(help.contains(about["question"].as_str().unwrap()) && help.contains("--where"), "{help}");
    }
    for what in ["spec", "answer"] {
        let schema: serde_json::Value = serde_json::from_str(&ok(&["schema", what])).unwrap();
        assert!(schema["properties"].is_object());
    }
}

#[test]
fn sql_reads_every_table_and_nothing_else() {
    let dir = workspace(SHOP);
    let root = dir.path().to_str().unwrap();
    let web = file(dir.path(), "web.csv", SHOP_ROWS);
    ok(&["import", root, &web]);
    for (table, n) in [("events", 6), ("users", 3), ("sessions", 3), ("quarantine", 0), ("imports", 1)] {
        assert_eq!(sql(dir.path(), &format!("select count(*) as n from {table}"))[0]["n"], n, "{table}");
    }
    assert_eq!(sql(dir.path(), "select size from events where event_id = '1'")[0]["size"], 3);
    assert!(fails(&["sql", root, "drop table events"]).contains("only read"));
    assert!(fails(&["sql", root, "create external table x stored as csv location '/etc/passwd'"]).contains("only read"));
    assert!(fails(&["sql", root, "select * from '/etc/passwd'"]).contains("tables: events"));
    assert!(fails(&["sql", root, "copy events to 'x.csv'"]).contains("only read"));
}

#[test]
fn wrong_usage_ends_with_two_and_a_missing_workspace_with_one() {
    let output = diptych().args(["ask"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = diptych().args(["frobnicate"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let dir = tempfile::tempdir().unwrap();
    let error = fails(&["ask", dir.path().to_str().unwrap(), "sessions"]);
    assert!(error.contains("diptych.yaml") && error.contains("diptych init"), "{error}");
    let dir = workspace(SHOP);
    let error = fails(&["ask", dir.path().to_str().unwrap(), "sessions"]);
    assert!(error.contains("diptych import"), "{error}");
}

#[test]
fn a_key_that_comes_late_or_never_is_a_column() {
    let dir = workspace(SHOP);
    let root = dir.path().to_str().unwrap();
    let plain: String = (0..1_500)
        .map(|n| format!("{{\"id\":{n},\"at\":\"2024-03-01T10:00:00Z\",\"who\":\"p{n}\",\"what\":\"view\",\"device\":\"phone\"}}\n"))
        .collect();
    let late = "{\"id\":1500,\"at\":\"2024-03-01T10:00:00Z\",\"who\":\"ana\",\"what\":\"buy\",\"price\":12.5}\n";
    let path = file(dir.path(), "web.jsonl", plain + late);
    let imported = ok(&["import", root, &path]);
    assert!(imported.contains("no object has the key `size`, so the column is empty"), "{imported}");
    assert!(!imported.contains("`price`"), "{imported}");
    let bought = sql(dir.path(), "select value_cents from events where value_cents is not null");
    assert_eq!(bought, serde_json::json!([{ "value_cents": 1250 }]));
}
