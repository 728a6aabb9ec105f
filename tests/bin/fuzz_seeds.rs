//! Writes what the fuzz targets begin with: `cargo run -p passbook-tests --bin fuzz_seeds FOLDER`
//! fills `FOLDER/<target>/`; without a folder, `fuzz/corpus`.

use std::{env, fs, io, path::PathBuf};

use passbook_tests::fuzz::TARGETS;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map_or_else(|| PathBuf::from("fuzz/corpus"), PathBuf::from);
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:02}")), seed)?;
        }
    }
    Ok(())
}
