//! The samples of a graph, and their line.

use std::collections::VecDeque;
use std::fmt::Write;

/// The latest samples of something, one for each step of time.
#[derive(Debug)]
pub struct Chart {
    samples: VecDeque<f64>,
    capacity: usize,
}

impl Chart {
    /// A graph that is as wide as so many samples, at least two.
    pub fn new(capacity: usize) -> Self {
        Self { samples: VecDeque::new(), capacity: capacity.max(2) }
    }

    /// Adds the latest sample; what is no number or negative counts as nothing.
    pub fn push(&mut self, sample: f64) {
        if self.samples.len() == self.capacity {
            self.samples.pop_front();
        }
        self.samples.push_back(if sample.is_finite() { sample.max(0.0) } else { 0.0 });
    }

    /// The largest sample that is shown; 0 if there is none.
    pub fn peak(&self) -> f64 {
        self.samples.iter().copied().fold(0.0, f64::max)
    }

    /// The smallest sample that is shown; 0 if there is none.
    pub fn least(&self) -> f64 {
        self.samples.iter().copied().reduce(f64::min).unwrap_or_default()
    }

    /// The points of an SVG line through the samples, in a box of `width` × `height` whose upper edge
    /// is the peak, but no less than `scale`. The latest is at the right edge.
    ///
    /// ```
    /// let mut chart = web_wasm_page::chart::Chart::new(3);
    /// chart.push(0.0);
    /// chart.push(10.0);
    /// assert_eq!(chart.points(60.0, 100.0, 1.0), "30.0,100.0 60.0,0.0");
    /// ```
    pub fn points(&self, width: f64, height: f64, scale: f64) -> String {
        let (peak, step) = (self.peak().max(scale), width / (self.capacity - 1) as f64);
        let mut points = String::new();
        for (age, sample) in self.samples.iter().rev().enumerate().rev() {
            let (x, y) = (width - step * age as f64, height - height * sample / peak);
            let gap = if points.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(points, "{gap}{x:.1},{y:.1}");
        }
        points
    }

    /// The same line, closed to an area along the lower edge; empty without samples.
    pub fn area(&self, width: f64, height: f64, scale: f64) -> String {
        let points = self.points(width, height, scale);
        match points.split_once(',') {
            Some((left, _)) => format!("{left},{height:.1} {points} {width:.1},{height:.1}"),
            None => points,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_what_is_older_than_it_is_wide() {
        let mut chart = Chart::new(2);
        assert_eq!((chart.points(1.0, 1.0, 1.0), chart.area(1.0, 1.0, 1.0)), Default::default());
        for sample in [50.0, 1.0, 4.0] {
            chart.push(sample);
        }
        assert_eq!((chart.peak(), chart.least()), (4.0, 1.0));
        assert_eq!(chart.points(10.0, 8.0, 0.0), "0.0,6.0 10.0,0.0");
        assert_eq!(chart.area(10.0, 8.0, 0.0), "0.0,8.0 0.0,6.0 10.0,0.0 10.0,8.0");
    }

    #[test]
    fn nothing_it_is_given_breaks_the_line() {
        let mut chart = Chart::new(0);
        for sample in [f64::NAN, f64::INFINITY, -1.0] {
            chart.push(sample);
        }
        assert_eq!(chart.points(10.0, 8.0, 1.0), "0.0,8.0 10.0,8.0");
    }
}
