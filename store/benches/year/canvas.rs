//! A picture of few colours: points, lines, letters, and the PNG of it.

use std::{fs, path::Path};

use font8x8::{BASIC_FONTS, UnicodeFonts};

/// Of a letter, in points.
pub(crate) const LETTER: usize = 8 * LETTER_SCALE;
const LETTER_SCALE: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    White,
    Black,
    Grey,
    Pale,
    Blue,
    Orange,
    Green,
    Red,
    Purple,
}

impl Colour {
    /// By the numbers that they have in the picture. Told apart by those who see few colours, too.
    const ALL: [(Self, [u8; 3]); 9] = [
        (Self::White, [255, 255, 255]),
        (Self::Black, [30, 30, 30]),
        (Self::Grey, [130, 130, 130]),
        (Self::Pale, [225, 225, 225]),
        (Self::Blue, [0, 114, 178]),
        (Self::Orange, [230, 159, 0]),
        (Self::Green, [0, 158, 115]),
        (Self::Red, [213, 94, 0]),
        (Self::Purple, [152, 78, 163]),
    ];

    fn number(self) -> u8 {
        let at = Self::ALL.iter().position(|(colour, _)| *colour == self).expect("all are there");
        u8::try_from(at).expect("few")
    }
}

#[derive(Debug)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    points: Vec<u8>,
}

impl Canvas {
    /// All white.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, points: vec![Colour::White.number(); width * height] }
    }

    /// What is outside is not drawn.
    pub(crate) fn fill(&mut self, (x, y): (usize, usize), size: (usize, usize), colour: Colour) {
        for row in (y..y + size.1).take_while(|row| *row < self.height) {
            let line = row * self.width;
            let (from, to) = (x.min(self.width), (x + size.0).min(self.width));
            if let Some(points) = self.points.get_mut(line + from..line + to) {
                points.fill(colour.number());
            }
        }
    }

    /// A line of that thickness.
    pub(crate) fn line(
        &mut self,
        from: (usize, usize),
        to: (usize, usize),
        thick: usize,
        colour: Colour,
    ) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |a: usize, b: usize, step: usize| (a * (steps - step) + b * step) / steps;
        for step in 0..=steps {
            let (x, y) = (between(from.0, to.0, step), between(from.1, to.1, step));
            self.fill((x, y.saturating_sub(thick / 2)), (thick, thick), colour);
        }
    }

    /// A line of text; `at` is its upper left corner.
    pub(crate) fn text(&mut self, at: (usize, usize), text: &str, colour: Colour) {
        for (index, letter) in text.chars().enumerate() {
            for (row, bits) in BASIC_FONTS.get(letter).unwrap_or_default().iter().enumerate() {
                for column in (0..8).filter(|column| bits >> column & 1 == 1) {
                    let x = at.0 + index * LETTER + column * LETTER_SCALE;
                    let y = at.1 + row * LETTER_SCALE;
                    self.fill((x, y), (LETTER_SCALE, LETTER_SCALE), colour);
                }
            }
        }
    }

    /// Writes it as a PNG of indexed colours.
    pub(crate) fn write(&self, path: &Path) {
        let side = |points: usize| u32::try_from(points).expect("a picture");
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side(self.width), side(self.height));
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        encoder.set_palette(Colour::ALL.iter().flat_map(|(_, rgb)| *rgb).collect::<Vec<_>>());
        let mut writer = encoder.write_header().expect("in memory");
        writer.write_image_data(&self.points).expect("in memory");
        writer.finish().expect("in memory");
        fs::write(path, bytes).expect("a picture");
    }
}
