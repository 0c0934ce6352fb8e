//! Results on standard output: lines for people, or one JSON document.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::time::Duration;

use serde_json::Value;

pub(crate) struct Output<W> {
    to: W,
    json: bool,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(to: W, json: bool) -> Self {
        Self { to, json }
    }

    /// A line for people: at once, so that a reader sees it while the rest is awaited.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        writeln!(self.to, "{line}")?;
        self.to.flush()
    }

    /// The result for programs.
    pub(crate) fn document(&mut self, document: impl FnOnce() -> Value) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        writeln!(self.to, "{:#}", document())?;
        self.to.flush()
    }

    /// Rows in columns, each as wide as its widest cell. Nothing if there are no rows.
    pub(crate) fn table<const N: usize>(&mut self, head: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let head = head.map(str::to_owned);
        let width = |column: usize| {
            let cells = std::iter::once(&head).chain(rows).map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..N).map(width).collect();
        for row in std::iter::once(&head).chain(rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:width$}  ");
            }
            self.line(line.trim_end())?;
        }
        Ok(())
    }
}

/// Milliseconds since 1970 as Flink's command line writes a time, in UTC: `22.11.2026 18:24:32`.
pub(crate) fn time(millis: i64) -> String {
    let seconds = millis.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{day:02}.{month:02}.{year:04} {hour:02}:{minute:02}:{second:02}")
}

/// The date so many days after 1970-01-01. Counts in years that begin in March, so that a leap day is their last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

/// `3.2 KiB`.
pub(crate) fn bytes(bytes: i64) -> String {
    let mut size = bytes as f64;
    let mut unit = 0;
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    while size.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{size:.digits$} {}", UNITS[unit])
}

/// Whole milliseconds; more than any job takes fits.
pub(crate) fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_in_flinks_form() {
        assert_eq!(time(0), "01.01.1970 00:00:00");
        assert_eq!(time(1_709_164_799_999), "28.02.2024 23:59:59");
        assert_eq!(time(1_709_164_800_000), "29.02.2024 00:00:00");
        assert_eq!(time(1_795_371_872_834), "22.11.2026 18:24:32");
        assert_eq!(time(-1), "31.12.1969 23:59:59");
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(-2048), "-2.0 KiB");
        assert_eq!(bytes(i64::MAX), "8388608.0 TiB");
    }

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let mut to = Vec::new();
        let rows = [["1".to_owned(), "CHECKPOINT".to_owned()], ["20".to_owned(), String::new()]];
        Output::new(&mut to, false).table(["ID", "TYPE"], &rows).expect("a vector takes all");
        assert_eq!(String::from_utf8(to).expect("text"), "ID  TYPE\n1   CHECKPOINT\n20\n");
    }
}
