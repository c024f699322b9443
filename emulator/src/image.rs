//! Static analysis of a firmware image: functions, calls, stack bound, code bytes.

use crate::effect::{Effect, narrow, wide};
use crate::{Error, is_wide};
use object::read::elf::ProgramHeader;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The functions, read-only objects and symbols of an ELF image for a Cortex-M target.
#[derive(Clone, Debug)]
pub struct Image {
    functions: Vec<Function>,
    /// Start addresses of read-only objects, as far as symbols and references in code show them, and the end
    /// of `.rodata`.
    constants: BTreeSet<u32>,
    /// Read-only objects that have a symbol, by start address.
    named: BTreeMap<u32, ReadOnlyObject>,
    symbols: Vec<String>,
    /// Bytes of flash and of RAM that the image as a whole takes.
    bytes: [u32; 2],
}

/// End address of a read-only object with a symbol, and whether it holds a model's weights.
#[derive(Clone, Debug)]
struct ReadOnlyObject {
    end: u32,
    is_weights: bool,
}

/// A function of the image.
#[derive(Clone, Debug)]
struct Function {
    /// Names at this address, demangled.
    names: Vec<String>,
    range: Range<u32>,
    /// Bytes by which it lowers the stack pointer; `None` where that is decided at run time.
    frame: Option<u32>,
    /// Addresses outside it that it calls or branches to, and its own where it calls itself.
    calls: BTreeSet<u32>,
    /// Whether it calls or jumps through a pointer.
    indirect: bool,
    /// Addresses of read-only data in its code.
    references: BTreeSet<u32>,
}

/// Memory that a function and all functions it calls need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes of machine code with its literal pools, and of read-only data that the code names.
    ///
    /// A read-only object that has a symbol counts by the symbol's size; another one from an address
    /// that the code holds to the next address that any code or symbol of the image holds. Weights
    /// do not count.
    pub code_bytes: u32,
    /// The part of `code_bytes` that is read-only data.
    pub table_bytes: u32,
    /// Most stack below the caller, in bytes; `None` with recursion, calls through pointers or a
    /// stack pointer that is set at run time.
    pub stack_bytes: Option<u32>,
}

impl Image {
    /// The image in the bytes of an ELF file.
    ///
    /// # Errors
    ///
    /// Where the bytes are no ELF file of 32 bits, one without function symbols, or one with addresses beyond 32 bits.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |error| Error::new(format!("not a firmware image: {error}"));
        let file = object::File::parse(bytes).map_err(|error| wrong(error.to_string()))?;
        let section = file.section_by_name(".rodata");
        let read_only =
            section.map_or(0..0, |s| s.address() as u32..(s.address() + s.size()) as u32);
        let named = named(&file, &read_only);
        let mut image = Self {
            functions: Vec::new(),
            constants: named.keys().copied().chain([read_only.end]).collect(),
            named,
            symbols: file.symbols().filter_map(|s| Some(s.name().ok()?.to_owned())).collect(),
            bytes: occupied(&file)?,
        };
        for section in file.sections().filter(|s| s.kind() == SectionKind::Text) {
            let code = section.data().map_err(|error| wrong(error.to_string()))?;
            let start = section.address() as u32;
            let modes = modes(&file, section.index());
            for (address, (names, end)) in functions(&file, &section) {
                let bytes = &code[(address - start) as usize..(end - start) as usize];
                let function = decode(names, address..end, bytes, &modes, &read_only);
                image.constants.extend(&function.references);
                image.functions.push(function);
            }
        }
        if image.functions.is_empty() {
            return Err(wrong("it has no function symbols".into()));
        }
        image.functions.sort_by_key(|function| function.range.start);
        Ok(image)
    }

    /// Bytes of flash that the image takes: all that is written there, padding between sections included.
    pub fn flash_bytes(&self) -> u32 {
        self.bytes[0]
    }

    /// Bytes of RAM of its variables; the stack is not among them.
    pub fn memory_bytes(&self) -> u32 {
        self.bytes[1]
    }

    /// Names of all symbols, mangled, in the order of the file.
    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }

    /// Range of the addresses of the function with this demangled name, without the Thumb bit.
    ///
    /// # Errors
    ///
    /// Where the image has no such function.
    pub fn range(&self, name: &str) -> Result<Range<u32>, Error> {
        Ok(self.functions[self.named_function(name)?].range.clone())
    }

    /// Index of the function that has this demangled name among its names; an error where there is none.
    fn named_function(&self, name: &str) -> Result<usize, Error> {
        let root = self.functions.iter().position(|f| f.names.iter().any(|n| n == name));
        root.ok_or_else(|| {
            Error::new(format!(
                "the image has no function `{name}`: the linker merged it with an equal one"
            ))
        })
    }

    /// Code bytes and stack bound of the function with this demangled name and all functions that it calls;
    /// calls through pointers are not followed, and leave the stack without a bound.
    ///
    /// # Errors
    ///
    /// Where the image has no such function.
    pub fn footprint(&self, name: &str) -> Result<Footprint, Error> {
        let root = self.named_function(name)?;
        let reachable = self.reachable(root);
        let code: u32 = reachable.iter().map(|f| self.functions[*f].range.len() as u32).sum();
        let references = reachable.iter().flat_map(|f| &self.functions[*f].references);
        let objects: BTreeMap<u32, u32> = references.map(|address| self.object(*address)).collect();
        let data: u32 = objects.iter().map(|(start, end)| end - start).sum();
        Ok(Footprint {
            code_bytes: code + data,
            table_bytes: data,
            stack_bytes: self.stack(root, &mut BTreeMap::new()),
        })
    }

    /// Indices of the functions that `root` calls directly or through others, itself included; calls through
    /// pointers are not followed.
    fn reachable(&self, root: usize) -> BTreeSet<usize> {
        let (mut found, mut open) = (BTreeSet::from([root]), vec![root]);
        while let Some(function) = open.pop() {
            let calls = self.functions[function].calls.iter();
            open.extend(calls.filter_map(|a| self.at(*a)).filter(|callee| found.insert(*callee)));
        }
        found
    }

    /// Most bytes of stack of a function and its calls; `None` with recursion, a call through a pointer or
    /// outside the image, or a stack pointer that is set at run time. `known` collects the results by index,
    /// `None` while under way.
    fn stack(&self, function: usize, known: &mut BTreeMap<usize, Option<u32>>) -> Option<u32> {
        if let Some(known) = known.get(&function) {
            return *known; // recursion finds the `None` of a function under way
        }
        known.insert(function, None);
        let Function { frame, calls, indirect, .. } = &self.functions[function];
        if *indirect {
            return None;
        }
        let mut deepest = 0;
        for address in calls {
            deepest = deepest.max(self.stack(self.at(*address)?, known)?);
        }
        let stack = Some((*frame)? + deepest);
        known.insert(function, stack);
        stack
    }

    /// Index of the function whose range contains this address; `None` where there is none.
    fn at(&self, address: u32) -> Option<usize> {
        self.functions.iter().position(|function| function.range.contains(&address))
    }

    /// Start and end of the read-only object that contains this address; the end is the start for weights.
    ///
    /// Without a symbol, the object is from the address to the next known start of another, and empty where
    /// there is none.
    fn object(&self, address: u32) -> (u32, u32) {
        match self.named.range(..=address).next_back() {
            Some((start, named)) if address < named.end => {
                (*start, if named.is_weights { *start } else { named.end })
            }
            _ => {
                let next = self.constants.range(address + 1..).next();
                (address, next.copied().unwrap_or(address))
            }
        }
    }
}

/// Bytes of flash and of RAM from the first to the last that an image uses: what a programmer writes, and where
/// variables lie.
///
/// # Errors
///
/// Where it is no ELF file of 32 bits, or a segment or section of it reaches beyond the addresses of 32 bits.
fn occupied(file: &object::File<'_>) -> Result<[u32; 2], Error> {
    let object::File::Elf32(elf) = file else {
        return Err(Error::new(
            "not a firmware image: it is no ELF file of 32 bits; build it for a Cortex-M target",
        ));
    };
    let order = elf.endian();
    let written = elf.elf_program_headers().iter().filter(|header| {
        header.p_type(order) == object::elf::PT_LOAD && header.p_filesz(order) > 0
    });
    let written =
        written.map(|header| range(header.p_paddr(order).into(), header.p_filesz(order).into()));
    let variables = file.sections().filter(|section| {
        section.size() > 0
            && matches!(section.kind(), SectionKind::Data | SectionKind::UninitializedData)
    });
    let variables = variables.map(|section| range(section.address(), section.size()));
    let written: Vec<Range<u32>> = written.collect::<Result<_, _>>()?;
    let variables: Vec<Range<u32>> = variables.collect::<Result<_, _>>()?;
    Ok([span(written.into_iter()), span(variables.into_iter())])
}

/// The addresses of so many bytes from `start`; an error where one of them has more than 32 bits.
fn range(start: u64, bytes: u64) -> Result<Range<u32>, Error> {
    let end = start.checked_add(bytes).and_then(|end| u32::try_from(end).ok());
    let range = u32::try_from(start).ok().zip(end).map(|(start, end)| start..end);
    range.ok_or_else(|| {
        Error::new(format!(
            "not a firmware image: {bytes} bytes at {start:#x} reach beyond 32 bits of address; link it again"
        ))
    })
}

/// From the start of the first range to the end of the last; 0 without ranges.
fn span(ranges: impl Iterator<Item = Range<u32>>) -> u32 {
    let whole = ranges.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end));
    whole.map_or(0, |whole| whole.end - whole.start)
}

/// Read-only objects that have a symbol with a size and start in the range `read_only`, by start address.
fn named(file: &object::File<'_>, read_only: &Range<u32>) -> BTreeMap<u32, ReadOnlyObject> {
    let sized = file.symbols().filter(|symbol| symbol.size() > 0);
    let named = sized.filter_map(|symbol| {
        let (start, name) = (symbol.address() as u32, symbol.name().ok()?);
        let is_weights = format!("{:#}", rustc_demangle::demangle(name)).ends_with("::WEIGHTS");
        Some((start, ReadOnlyObject { end: start + symbol.size() as u32, is_weights }))
    });
    named.filter(|(start, _)| read_only.contains(start)).collect()
}

/// Functions of a section by start address: their demangled names, and the end address. A function whose
/// symbols have no size ends at the next one, or with the section.
fn functions<'d>(
    file: &object::File<'d>,
    section: &impl ObjectSection<'d>,
) -> BTreeMap<u32, (Vec<String>, u32)> {
    let mut functions = BTreeMap::<u32, (Vec<String>, u32)>::new();
    let of_section = |s: &object::Symbol<'d, '_>| s.section_index() == Some(section.index());
    let symbols = file.symbols().filter(of_section).filter(|s| s.kind() == SymbolKind::Text);
    for symbol in symbols {
        let (Ok(name), address) = (symbol.name(), symbol.address() as u32 & !1) else { continue };
        let (names, end) = functions.entry(address).or_default();
        names.push(format!("{:#}", rustc_demangle::demangle(name)));
        *end = (*end).max(address + symbol.size() as u32);
    }
    let section_end = (section.address() + section.size()) as u32;
    let starts: Vec<u32> = functions.keys().copied().chain([section_end]).collect();
    for (start, (_, end)) in &mut functions {
        let next = starts.iter().find(|next| *next > start).copied().unwrap_or(section_end);
        *end = if end == start { next } else { (*end).min(section_end) };
    }
    functions
}

/// Addresses of a section at which code (`true`) or data (`false`) begins, by the mapping symbols `$t` and
/// `$d`.
fn modes(file: &object::File<'_>, section: object::SectionIndex) -> BTreeMap<u32, bool> {
    let symbols = file.symbols().filter(|symbol| symbol.section_index() == Some(section));
    let mode = |symbol: object::Symbol<'_, '_>| {
        let name = symbol.name().ok()?;
        let code = name.starts_with("$t");
        (code || name.starts_with("$d")).then_some((symbol.address() as u32, code))
    };
    symbols.filter_map(mode).collect()
}

/// The function in the code `bytes` at `range`: frame, calls, and the addresses in `read_only` that its
/// literals (in data, by `modes`) or MOVW and MOVT pairs hold. Code before the first mode is instructions.
fn decode(
    names: Vec<String>,
    range: Range<u32>,
    bytes: &[u8],
    modes: &BTreeMap<u32, bool>,
    read_only: &Range<u32>,
) -> Function {
    let mut function = Function {
        names,
        range: range.clone(),
        frame: Some(0),
        calls: BTreeSet::new(),
        indirect: false,
        references: BTreeSet::new(),
    };
    let is_code = |address| modes.range(..=address).next_back().is_none_or(|(_, code)| *code);
    let half = |address: u32| {
        let at = (address - range.start) as usize;
        bytes.get(at..at + 2).map(|half| u16::from_le_bytes([half[0], half[1]]))
    };
    let returns =
        |address| half(address).is_some_and(|code| narrow(code, address) == Effect::Return);
    let mut low_halves = BTreeMap::new();
    let mut address = range.start;
    while let Some(first) = half(address) {
        let (effect, len) = match half(address + 2) {
            Some(second) if !is_code(address) => {
                let word = u32::from(second) << 16 | u32::from(first);
                function.references.extend(read_only.contains(&word).then_some(word));
                (Effect::None, 2)
            }
            Some(second) if is_wide(first) => (wide(first, second, address), 4),
            _ if !is_code(address) => (Effect::None, 2),
            _ => (narrow(first, address), 2),
        };
        match effect {
            Effect::None | Effect::Return => {}
            Effect::Push(bytes) => function.frame = function.frame.map(|frame| frame + bytes),
            // ARMv6-M leaves a frame so: the value set here is the stack pointer of before.
            Effect::SetStack if returns(address + len) => {}
            Effect::SetStack => function.frame = None,
            // A compiler calls through a register with BLX, and jumps so by a table behind the jump.
            Effect::Table if !(is_code(address + 2) && is_code(address + 4)) => {}
            Effect::Table | Effect::Indirect => function.indirect = true,
            // Into the middle of itself: the far branch of a core whose B reaches 2 KiB.
            Effect::Call(target) if range.contains(&target) && target != range.start => {}
            Effect::Call(target) => drop(function.calls.insert(target)),
            Effect::Branch(target) if range.contains(&target) => {}
            Effect::Branch(target) => drop(function.calls.insert(target)),
            Effect::LoadLow(register, value) => drop(low_halves.insert(register, value)),
            Effect::LoadHigh(register, value) => {
                let low = low_halves.get(&register).copied().unwrap_or(0);
                let word = value << 16 | low;
                function.references.extend(read_only.contains(&word).then_some(word));
            }
        }
        address += len;
    }
    function
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function of 16 bytes at `16 * number` that calls others.
    fn function(number: u32, frame: Option<u32>, calls: &[u32]) -> Function {
        Function {
            names: vec![format!("f{number}")],
            range: 16 * number..16 * (number + 1),
            frame,
            calls: calls.iter().map(|callee| 16 * callee).collect(),
            indirect: false,
            references: BTreeSet::new(),
        }
    }

    fn image(functions: Vec<Function>) -> Image {
        let constants = BTreeSet::from([0x1000, 0x1010, 0x1040, 0x1100]);
        let named = BTreeMap::from([
            (0x1010, ReadOnlyObject { end: 0x1018, is_weights: false }),
            (0x1040, ReadOnlyObject { end: 0x1100, is_weights: true }),
        ]);
        Image { functions, constants, named, symbols: Vec::new(), bytes: [0; 2] }
    }

    fn stack(functions: Vec<Function>) -> Option<u32> {
        image(functions).footprint("f0").expect("it is there").stack_bytes
    }

    #[test]
    fn a_file_of_64_bits_is_refused() {
        let own = std::env::current_exe().and_then(std::fs::read).expect("the test itself");
        let error = super::Image::parse(&own).expect_err("no image").to_string();
        assert!(error.contains("32 bits"), "{error}");
    }

    #[test]
    fn addresses_have_32_bits() {
        assert_eq!(super::range(0x10, 0x20).ok(), Some(0x10..0x30));
        for (start, bytes) in [(0xffff_fff0, 0x20), (u64::MAX, 2), (1 << 32, 0)] {
            assert!(super::range(start, bytes).is_err(), "{start:#x}");
        }
    }

    #[test]
    fn the_stack_is_that_of_the_deepest_chain_of_calls() {
        let [f1, f2, f3] = [(1, 40, &[][..]), (2, 8, &[3]), (3, 64, &[])]
            .map(|(number, frame, calls)| function(number, Some(frame), calls));
        assert_eq!(stack(vec![function(0, Some(16), &[1, 2, 3]), f1, f2, f3]), Some(88));
    }

    #[test]
    fn what_is_not_bounded_has_no_bound() {
        let leaf = || function(1, Some(8), &[]);
        assert_eq!(stack(vec![function(0, Some(16), &[1]), leaf()]), Some(24));
        assert_eq!(stack(vec![function(0, None, &[1]), leaf()]), None, "dynamic stack pointer");
        assert_eq!(stack(vec![function(0, Some(16), &[9]), leaf()]), None, "outside the image");
        let recursive = [function(0, Some(16), &[1]), function(1, Some(8), &[0])];
        assert_eq!(stack(recursive.to_vec()), None, "recursion");
        let pointer = Function { indirect: true, ..leaf() };
        assert_eq!(stack(vec![function(0, Some(16), &[1]), pointer]), None, "indirect call");
    }

    /// What is found in the machine code of a function at 0x100 whose data begin at halfword `data`.
    fn decoded(code: &[u16], data: u32) -> Function {
        let bytes: Vec<u8> = code.iter().flat_map(|half| half.to_le_bytes()).collect();
        let modes = BTreeMap::from([(0x100, true), (0x100 + 2 * data, false)]);
        let range = 0x100..0x100 + bytes.len() as u32;
        decode(vec!["f".into()], range, &bytes, &modes, &(0..0))
    }

    #[test]
    fn code_of_small_cores_has_a_closed_stack() {
        // push {r4-r7, lr}; sub sp, #16; mov sp, r6; pop {r4-r7, pc}
        assert_eq!(decoded(&[0xb5f0, 0xb084, 0x46b5, 0xbdf0], 9).frame, Some(36));
        // The same, and another instruction before it returns.
        assert_eq!(decoded(&[0xb5f0, 0xb084, 0x46b5, 0xbf00, 0xbdf0], 9).frame, None);
        // add pc, r1 before a table, and before code
        assert!(!decoded(&[0x448f, 0x0002, 0x0004], 1).indirect);
        assert!(!decoded(&[0x448f, 0xbf00, 0x0002, 0x0004], 2).indirect);
        assert!(decoded(&[0x448f, 0xbf00, 0xbf00, 0xbf00], 9).indirect);
        // bl two halfwords on, into itself; bl to its own start, which is recursion
        assert!(decoded(&[0xf000, 0xf800, 0xbd00], 9).calls.is_empty());
        assert_eq!(decoded(&[0xf7ff, 0xfffe, 0xbd00], 9).calls, BTreeSet::from([0x100]));
    }

    #[test]
    fn code_counts_once_with_the_constants_that_it_names_but_weights() {
        let mut functions = vec![
            function(0, Some(0), &[1, 1]),
            function(1, Some(0), &[]),
            function(2, Some(0), &[]),
        ];
        functions[0].references = BTreeSet::from([0x1000]); // to the next start: 16 bytes
        functions[1].references = BTreeSet::from([0x1010, 0x1014, 0x1050]); // 8 bytes, and weights
        functions[2].references = BTreeSet::from([0x1000]);
        let footprint = image(functions).footprint("f0").expect("it is there");
        assert_eq!(footprint.code_bytes, 2 * 16 + 16 + 8);
        assert_eq!(footprint.table_bytes, 16 + 8);
    }

    #[test]
    fn a_function_that_is_not_there_is_an_error() {
        let error = image(vec![function(0, Some(0), &[])]).footprint("f7").expect_err("none");
        assert!(error.to_string().contains("`f7`"), "{error}");
    }
}
