//! Tables for people.

/// The head and the rows as lines whose columns stand below each other, two spaces apart.
pub fn columns<'a, const N: usize>(head: [&'a str; N], rows: impl Iterator<Item = &'a [String; N]>) -> Vec<String> {
    let rows: Vec<[&str; N]> =
        std::iter::once(head).chain(rows.map(|row| row.each_ref().map(String::as_str))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[&str; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        cells.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
