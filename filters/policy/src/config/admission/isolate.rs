//! Which regions' requests are turned away: `isolate`.

use super::super::scalar;
use super::super::section::Cursor;
use super::header_name;
use crate::isolate::Isolation;

pub(super) fn read(at: &mut Cursor<'_, '_>) -> Option<Isolation> {
    let mut section =
        at.section("write a section such as { region_header: x-helius-region, regions: [eu-south-1] }")?;
    let header = "write the name of the header that says where a request comes from, such as x-helius-region";
    let region_header = section.required("region_header", header, header_name);
    let regions =
        section.optional("regions", |at| at.list("write a list of regions such as [eu-south-1]", scalar::name));
    section.close();
    Some(Isolation::new(region_header?, regions?.into_iter().flatten().collect()))
}
