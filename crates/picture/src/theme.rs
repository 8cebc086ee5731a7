//! Colours: safe for the colour-blind (after Okabe and Ito), text with a contrast of at least 4.5 on what it stands on.
//!
//! Each colour is a custom property with the theme's value as fallback, so a page can give its own.

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on white.
    Light,
    /// Light ink on nearly black.
    Dark,
}

/// What a colour is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Behind everything.
    Surface,
    /// The empty part of a bar, the head of a table.
    Panel,
    /// Text and whiskers.
    Ink,
    /// Secondary text.
    Muted,
    /// Axes, borders, arrows of little weight.
    Line,
    /// One of the six series; counted around.
    Series(usize),
    /// Reached the goal.
    Good,
    /// Neither reached nor failed: abandoned, passive.
    Warn,
    /// Failed, lost.
    Bad,
    /// Filled cells of a grid, by opacity; ink reads on it at any opacity.
    Heat,
}

const SERIES: [(&str, &str); 6] = [
    ("#0068a8", "#56b4e9"),
    ("#b04a00", "#f39a4f"),
    ("#007a59", "#3cc7a0"),
    ("#8a4a86", "#d9a0d4"),
    ("#7a6400", "#e6c84a"),
    ("#5b6470", "#a9b4c0"),
];

impl Paint {
    /// Returns the name of the custom property, and the colour in a theme.
    pub fn colour(self, theme: Theme) -> (String, &'static str) {
        let (name, light, dark) = match self {
            Self::Surface => ("surface", "#ffffff", "#14181d"),
            Self::Panel => ("panel", "#eef1f4", "#222931"),
            Self::Ink => ("ink", "#1b1f24", "#e8edf2"),
            Self::Muted => ("muted", "#545d68", "#a3aeb9"),
            Self::Line => ("line", "#c4ccd4", "#444e59"),
            Self::Good => ("good", "#0068a8", "#56b4e9"),
            Self::Warn => ("warn", "#b58400", "#e6b84a"),
            Self::Bad => ("bad", "#b8400a", "#f0874f"),
            Self::Heat => ("heat", "#4fa3dc", "#2b6a9b"),
            Self::Series(idx) => {
                let (light, dark) = SERIES[idx % SERIES.len()];
                return (format!("--d-series-{}", idx % SERIES.len() + 1), if theme == Theme::Light { light } else { dark });
            }
        };
        (format!("--d-{name}"), if theme == Theme::Light { light } else { dark })
    }

    /// Writes the colour as CSS: `var(--d-ink,#1b1f24)`.
    pub fn css(self, theme: Theme) -> String {
        let (name, colour) = self.colour(theme);
        format!("var({name},{colour})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    /// WCAG 2.2, success criterion 1.4.3.
    fn contrast(one: Paint, other: Paint, theme: Theme) -> f64 {
        let (one, other) = (luminance(one.colour(theme).1), luminance(other.colour(theme).1));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn text_reads_on_what_it_stands_on() {
        for theme in [Theme::Light, Theme::Dark] {
            let pairs = [
                (Paint::Ink, Paint::Surface),
                (Paint::Ink, Paint::Panel),
                (Paint::Ink, Paint::Heat),
                (Paint::Muted, Paint::Surface),
                (Paint::Muted, Paint::Panel),
            ];
            let bars = (0..6).map(Paint::Series).chain([Paint::Good, Paint::Warn, Paint::Bad]);
            for (text, ground) in pairs {
                let contrast = contrast(text, ground, theme);
                assert!(contrast >= 4.5, "{text:?} on {ground:?} in {theme:?}: {contrast:.2}");
            }
            // Criterion 1.4.11: shapes need 3.
            for bar in bars {
                let contrast = contrast(bar, Paint::Surface, theme);
                assert!(contrast >= 3.0, "{bar:?} in {theme:?}: {contrast:.2}");
            }
        }
    }
}
