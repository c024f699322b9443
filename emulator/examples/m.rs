fn main() {
    let a: Vec<String> = std::env::args().collect();
    let machine = elbow_emulator::machine(&a[1]).unwrap();
    for w in &a[4..] {
        let m = elbow_emulator::Measurement { machine, image: a[2].as_ref(), work: w, repeat: a[3].parse().unwrap(), blocks: true, seconds: 120 };
        println!("{} {w} {:?}", a[2], elbow_emulator::measure(&m));
    }
}
