fn main() {
    let a: Vec<String> = std::env::args().collect();
    let machine = elbow_emulator::machine(&a[1]).unwrap();
    let t = machine.timing.unwrap();
    let mut b = elbow_emulator::trace(machine, a[2].as_ref(), &[&a[3], "1"], 120).unwrap().blocks;
    b.sort_by_key(|b| std::cmp::Reverse(b.executions * b.cycles(t)));
    for b in b.iter().take(8) { println!("{:#x}..{:#x} n={} ex={} taken={} cyc={} {:?}", b.start, b.end, b.classes.len(), b.executions, b.taken, b.cycles(t), b.classes); }
}
