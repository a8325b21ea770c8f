//! What the documentation says of the tests.

use std::path::Path;

/// Each row of the failure table names a test by its file and function; both must be there.
#[test]
fn the_failure_table_names_tests_that_exist() {
    let folders = ["tests", "../mesh/tests", "../.."].map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let architecture = include_str!("../../../ARCHITECTURE.md");
    let mut rows = 0;
    for row in architecture.lines().filter(|line| line.starts_with("| ") && line.contains(".rs` `")) {
        let quoted: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let [.., file, function] = quoted.as_slice() else { panic!("no test in: {row}") };
        let mut sources = folders.iter().filter_map(|folder| std::fs::read_to_string(folder.join(file)).ok());
        let source = sources.next().unwrap_or_else(|| panic!("there is no {file}"));
        assert!(source.contains(&format!("fn {function}()")), "{file} has no test {function}");
        rows += 1;
    }
    assert!(rows >= 30, "only {rows} rows were found: has the table another shape?");
}
