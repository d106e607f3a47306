//! The one SVG becomes PNG and PDF, and a file.

use crate::fonts;
use curfew_core::{Error, ErrorKind, Result, Timestamp};
use jiff::tz::TimeZone;
use pdf_writer::{Content, Date, Finish, Name, Pdf, Rect, Ref, TextStr};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::Tree;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

/// What a drawing is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Scalable, text kept as text.
    Svg,
    /// Pixels, with their density written in the file.
    Png,
    /// Scalable, text selectable, fonts embedded.
    Pdf,
}

impl Format {
    /// By a file's extension; whatever its case.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            Some("pdf") => Ok(Self::Pdf),
            other => {
                let ends =
                    other.map_or_else(|| "has no extension".into(), |e| format!("ends in .{}", fonts::shown(e, 20)));
                Err(Error::input("output", format!("a figure is written as .svg, .png or .pdf, and this name {ends}"))
                    .next("Give the file a name that ends in .svg, .png or .pdf."))
            }
        }
    }
    /// For a download's header.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Pdf => "application/pdf",
        }
    }
    /// Without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }
}

fn failed(what: &'static str, error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unknown, what, format!("the drawing could not be turned into {what}: {error}"))
}

fn tree(svg: &str, what: &'static str) -> Result<Tree> {
    Tree::from_str(svg, &fonts::options_for(svg)).map_err(|e| failed(what, e))
}

/// An SVG as PNG on white, with `dpi` pixels to the inch.
pub(crate) fn png(svg: &str, dpi: u32) -> Result<Vec<u8>> {
    let tree = tree(svg, "PNG")?;
    let scale = dpi as f32 / 96.0;
    let dots = |length: f32| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and too many are refused"
        )]
        let dots = (length * scale).round() as u32;
        dots
    };
    let (width, height) = (dots(tree.size().width()), dots(tree.size().height()));
    let mut pixels = Pixmap::new(width, height).ok_or_else(|| failed("PNG", "it is too large for this computer"))?;
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    // On white nothing is see-through, so premultiplied colours are the colours.
    let rgb: Vec<u8> = pixels.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // LaTeX and word processors take the size on paper from here.
    let per_meter = (f64::from(dpi) / 0.0254).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some ten thousand")]
    let per_meter = per_meter as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_meter, yppu: per_meter, unit: png::Unit::Meter }));
    let mut writer = encoder.write_header().map_err(|e| failed("PNG", e))?;
    writer.write_image_data(&rgb).map_err(|e| failed("PNG", e))?;
    writer.finish().map_err(|e| failed("PNG", e))?;
    Ok(out)
}

/// One PDF page for each SVG, as large as it says. `made` is written into the file where it is known.
pub(crate) fn pdf(pages: &[String], title: &str, made: Option<(Timestamp, &TimeZone)>) -> Result<Vec<u8>> {
    let mut next = Ref::new(1);
    let (catalog, page_tree, info) = (next.bump(), next.bump(), next.bump());
    let mut pdf = Pdf::new();
    let mut kids = Vec::new();
    for svg in pages {
        let tree = tree(svg, "PDF")?;
        let (chunk, drawing) =
            svg2pdf::to_chunk(&tree, svg2pdf::ConversionOptions::default()).map_err(|e| failed("PDF", e))?;
        let mut renamed = HashMap::new();
        let chunk = chunk.renumber(|old| *renamed.entry(old).or_insert_with(|| next.bump()));
        let drawing = renamed.get(&drawing).copied().ok_or_else(|| failed("PDF", "a page came out empty"))?;
        let (page, content) = (next.bump(), next.bump());
        // SVG counts 96 to the inch, PDF 72.
        let (width, height) = (tree.size().width() * 0.75, tree.size().height() * 0.75);
        let mut writer = pdf.page(page);
        writer.media_box(Rect::new(0.0, 0.0, width, height)).parent(page_tree).contents(content);
        writer.resources().x_objects().pair(Name(b"D"), drawing);
        writer.finish();
        let mut draw = Content::new();
        draw.transform([width, 0.0, 0.0, height, 0.0, 0.0]).x_object(Name(b"D"));
        pdf.stream(content, &draw.finish());
        pdf.extend(&chunk);
        kids.push(page);
    }
    pdf.pages(page_tree).count(i32::try_from(kids.len()).unwrap_or(i32::MAX)).kids(kids);
    let mut root = pdf.catalog(catalog);
    root.pages(page_tree).lang(TextStr("en"));
    root.viewer_preferences().display_doc_title(true);
    root.finish();
    let mut about = pdf.document_info(info);
    about.title(TextStr(title)).creator(TextStr("Curfew")).producer(TextStr("svg2pdf"));
    if let Some(date) = made.and_then(|(at, zone)| date(at, zone)) {
        about.creation_date(date);
    }
    about.finish();
    Ok(pdf.finish())
}

fn date(at: Timestamp, zone: &TimeZone) -> Option<Date> {
    let at = at.to_zoned(zone.clone());
    let small = |n: i8| u8::try_from(n).ok();
    let offset = at.offset().seconds() / 60;
    let (hours, minutes) = (i8::try_from(offset / 60).ok()?, u8::try_from(offset.abs() % 60).ok()?);
    let date = Date::new(u16::try_from(at.year()).ok()?).month(small(at.month())?).day(small(at.day())?);
    let date = date.hour(small(at.hour())?).minute(small(at.minute())?).second(small(at.second())?);
    Some(date.utc_offset_hour(hours).utc_offset_minute(minutes))
}

/// Writes a file whole or not at all: what was there before stays until the new one is complete.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error| {
        Error::io("write the figure", path.display(), error)
            .at("output")
            .next("Choose a folder that exists and that you may write to.")
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new();
    file.prefix(".curfew-figure-");
    // A figure is to be passed on: as readable as any file, not as private as a temporary one.
    #[cfg(unix)]
    file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = file.tempfile_in(dir).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_the_format() {
        let check = |name: &str, expect: Option<Format>| {
            let found = Format::of(Path::new(name));
            assert_eq!(found.as_ref().ok().copied(), expect, "{name}");
            if let Err(error) = found {
                assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some("output")));
            }
        };
        check("loss.svg", Some(Format::Svg));
        check("a.b/loss.PNG", Some(Format::Png));
        check("loss.pdf", Some(Format::Pdf));
        check("loss.jpg", None);
        check("loss", None);
        check(".svg", None);
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("loss.svg");
        write(&path, b"first").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left lying about");
        let error = write(&dir.path().join("nowhere/loss.svg"), b"x").unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::NotFound, Some("output")));
    }

    #[test]
    fn dates_carry_their_zone() {
        let at: Timestamp = "2026-11-21T18:30:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let pdf = pdf(&[], "t", Some((at, &zone))).unwrap();
        assert!(
            String::from_utf8_lossy(&pdf).contains("(D:20261121193000+01'00)"),
            "{}",
            String::from_utf8_lossy(&pdf)
        );
    }
}
