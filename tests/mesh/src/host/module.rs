//! The module, compiled once per process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use wasmtime::{Config, Engine, Module};

/// Names another module than the one that `make wasm` builds.
pub const MODULE: &str = "HELIUS_WASM";

/// Where the module is taken from.
pub fn module_path() -> PathBuf {
    std::env::var_os(MODULE)
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/helius.wasm"), PathBuf::from)
}

/// The compiled module.
///
/// # Panics
///
/// When there is none, or when it is not WebAssembly: nothing can be simulated then.
pub(crate) fn module() -> &'static Module {
    static COMPILED: OnceLock<Module> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let path = module_path();
        let bytes = std::fs::read(&path).unwrap_or_else(|error| {
            panic!("{} cannot be read ({error}): `make wasm` builds it", path.display());
        });
        let mut config = Config::new();
        // What is spent is read after each callback, so the cost of an exchange is known to the instruction.
        config.consume_fuel(true);
        let compiled = Engine::new(&config).and_then(|engine| Module::from_binary(&engine, &bytes));
        compiled.unwrap_or_else(|error| panic!("{} cannot be compiled: {error:#}", path.display()))
    })
}
