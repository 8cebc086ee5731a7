//! Draws answers as files: `cargo run -p diptych-picture --example gallery -- OUT answer.json …`.
//!
//! The answers are those of `diptych ask --format json`. Every one is drawn in both themes and two widths.

use std::error::Error;
use std::path::Path;

use diptych_picture::{Drawing, Group, Theme, pdf_pages, png, svg};

#[path = "../tests/common/mod.rs"]
mod common;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: gallery OUT answer.json …")?;
    std::fs::create_dir_all(&out)?;
    let mut pages = Vec::new();
    for file in arguments {
        let answer = common::Answer::parse(&std::fs::read_to_string(&file)?);
        let groups: Vec<Group> = answer.groups();
        let drawing: Drawing = answer.drawing(&groups);
        let name = Path::new(&file).file_stem().ok_or("a file has a name")?.to_string_lossy();
        for (theme, width, suffix) in [(Theme::Light, 1280, "light"), (Theme::Dark, 400, "dark")] {
            let picture = svg(&drawing, theme, width);
            std::fs::write(format!("{out}/{name}-{suffix}.svg"), &picture)?;
            std::fs::write(format!("{out}/{name}-{suffix}.png"), png(&picture, 1.0)?)?;
            if theme == Theme::Light {
                pages.push(picture);
            }
        }
    }
    std::fs::write(format!("{out}/gallery.pdf"), pdf_pages(&pages)?)?;
    Ok(())
}
