//! Formulas between dollars as MathML, which browsers draw without a script.

use pulldown_latex::config::{DisplayMode, RenderConfig};
use pulldown_latex::{Parser, Storage, push_mathml};
use std::error::Error;

/// The text with `$...$` and `$$...$$` outside code as MathML.
///
/// # Errors
///
/// A formula that is not understood, with its text.
pub fn rendered(text: &str) -> Result<String, Box<dyn Error>> {
    let (mut out, mut is_code, mut formula) = (String::new(), false, None::<String>);
    for line in text.split_inclusive('\n') {
        if let Some(open) = &mut formula {
            open.push_str(line);
            if line.trim_end().ends_with("$$") {
                let whole = formula.take().unwrap_or_default();
                out += &displayed(&whole)?;
            }
            continue;
        }
        is_code ^= line.starts_with("```");
        let trimmed = line.trim_end();
        match trimmed.strip_prefix("$$").filter(|_| !is_code) {
            Some(rest) if rest.ends_with("$$") => out += &displayed(line)?,
            Some(_) => formula = Some(line.to_string()),
            None if is_code => out += line,
            None => out += &inline(line)?,
        }
    }
    Ok(out)
}

/// A block of its own, from text with `$$` at both ends.
fn displayed(text: &str) -> Result<String, Box<dyn Error>> {
    let formula = text.trim().trim_matches('$').trim();
    Ok(format!("{}\n", mathml(formula, DisplayMode::Block)?))
}

/// A line of prose: `$...$` outside `` `...` `` become formulas.
fn inline(line: &str) -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    for (at, part) in line.split('`').enumerate() {
        if at > 0 {
            out.push('`');
        }
        if at % 2 == 1 || part.matches('$').count() % 2 == 1 {
            out += part;
            continue;
        }
        for (at, part) in part.split('$').enumerate() {
            match at % 2 {
                0 => out += part,
                _ => out += &mathml(part, DisplayMode::Inline)?,
            }
        }
    }
    Ok(out)
}

/// The element `math` of a formula in LaTeX, on one line.
fn mathml(formula: &str, display_mode: DisplayMode) -> Result<String, Box<dyn Error>> {
    let storage = Storage::new();
    let mut out = String::new();
    let config = RenderConfig { display_mode, ..RenderConfig::default() };
    push_mathml(&mut out, Parser::new(formula, &storage), config)?;
    match out.contains("<merror") {
        true => Err(format!("the formula {formula} is not understood: {out}").into()),
        false => Ok(out.replace('\n', " ")),
    }
}
