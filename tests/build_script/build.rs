fn main() {
    elbow::build::compile("../../models/imu/elbow.toml");
}
