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

#[cfg(test)]
mod tests {
    use super::rendered;

    #[test]
    fn formulas_become_elements_and_code_stays() {
        let found = rendered("with $x_1$ and `$ elbow`\n```console\n$ elbow gap\n```\n")
            .expect("a formula");
        assert!(found.contains("<math") && found.contains("<msub>"), "{found}");
        assert!(found.ends_with("`$ elbow`\n```console\n$ elbow gap\n```\n"), "{found}");
        let block = rendered("$$ a\n = b $$\n").expect("a formula");
        assert!(block.contains("display=\"block\"") && !block.contains('$'), "{block}");
    }

    #[test]
    fn a_formula_that_is_not_understood_is_an_error() {
        let error = rendered("with $\\nonsense{x}$\n").expect_err("no such command");
        assert!(error.to_string().contains("nonsense"), "{error}");
    }
}
