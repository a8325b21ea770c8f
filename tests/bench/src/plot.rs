//! The ratios as a picture that a browser draws without any script.

use std::fmt::Write;

use crate::slices::Measured;

const LEFT: f64 = 130.0;
const WIDTH: f64 = 560.0;
const ROW: f64 = 22.0;
const TOP: f64 = 30.0;

/// A bar for each variant: how many times what it is compared with; a line for the quartiles, a mark for its target.
pub(crate) fn svg(measured: &[Measured]) -> String {
    let shown: Vec<&Measured> = measured.iter().filter(|it| it.variant.name != it.variant.against).collect();
    let most = shown.iter().map(|it| it.ratio.upper.max(it.variant.target.unwrap_or(0.0))).fold(1.2, f64::max);
    let at = |ratio: f64| LEFT + ratio / most * WIDTH;
    #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
    let y = |row: usize| TOP + row as f64 * ROW;
    let (height, one) = (y(shown.len()) + 10.0, at(1.0));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT:.0}\" y=\"18\">CPU per request, as a multiple of what it is compared with</text>\n\
         <line x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"24\" y2=\"{height:.0}\" stroke=\"#999\"/>\n",
        LEFT + WIDTH + 70.0
    );
    for (row, it) in shown.iter().enumerate() {
        let (top, middle) = (y(row), y(row) + 8.0);
        let is_met = it.variant.target.is_none_or(|target| it.ratio.median <= target);
        let colour = if is_met { "#4a7fb0" } else { "#c0504d" };
        let _ = write!(
            text,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT:.0}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"15\" fill=\"{colour}\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" stroke=\"#000\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{:.2}</text>",
            LEFT - 6.0,
            top + 12.0,
            it.variant.name,
            at(it.ratio.median) - LEFT,
            at(it.ratio.lower),
            at(it.ratio.upper),
            at(it.ratio.upper) + 5.0,
            top + 12.0,
            it.ratio.median
        );
        if let Some(target) = it.variant.target {
            let x = at(target);
            let _ = write!(
                text,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{:.1}\" stroke=\"#2a2\" stroke-width=\"3\"/>",
                top + 15.0
            );
        }
        text.push('\n');
    }
    text.push_str("</svg>\n");
    text
}
