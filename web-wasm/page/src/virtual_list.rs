//! A list of which the document holds only what can be seen.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use web_sys::{Element, HtmlElement, Node};

use crate::dom::{Missing, attribute, create, element, on};
use crate::frame::Frame;
use crate::lines::Lines;

/// The height of a row in CSS pixels, as in `page.css`.
const ROW: usize = 28;

/// How many rows there are beyond those that can be seen, above and below.
const MARGIN: usize = 4;

/// How many lines are kept; older ones are counted, and can't be scrolled to any more.
const KEPT: usize = 100_000;

/// A list of lines with rows of one height, which are used again for other lines as the reader
/// scrolls. It stays at its end unless the reader has scrolled up.
pub(crate) struct VirtualList<T> {
    source: Rc<Source<T>>,
    inner: Rc<Inner>,
    frame: Frame,
}

impl<T> Clone for VirtualList<T> {
    fn clone(&self) -> Self {
        let (source, inner) = (Rc::clone(&self.source), Rc::clone(&self.inner));
        Self { source, inner, frame: self.frame.clone() }
    }
}

/// How a list shows its lines.
pub(crate) struct RowKind<T> {
    /// The class of a row.
    pub(crate) class: &'static str,
    /// The classes of its cells.
    pub(crate) cells: &'static [&'static str],
    /// The texts of the cells, for a line and its number.
    pub(crate) texts: fn(usize, &T) -> Vec<String>,
}

/// The lines of a list.
struct Source<T> {
    lines: RefCell<Lines<T>>,
    kind: RowKind<T>,
}

/// What is drawn of them, whatever they are: the module has the drawing only once.
trait Drawable {
    /// The class of a row, and the classes of its cells.
    fn classes(&self) -> (&'static str, &'static [&'static str]);

    /// The number of the first line that is kept, and how many are.
    fn extent(&self) -> (usize, usize);

    /// The texts of the cells of a line.
    fn texts(&self, number: usize) -> Option<Vec<String>>;
}

impl<T> Drawable for Source<T> {
    fn classes(&self) -> (&'static str, &'static [&'static str]) {
        (self.kind.class, self.kind.cells)
    }

    fn extent(&self) -> (usize, usize) {
        let lines = self.lines.borrow();
        (lines.first(), lines.len())
    }

    fn texts(&self, number: usize) -> Option<Vec<String>> {
        self.lines.borrow().get(number).map(|line| (self.kind.texts)(number, line))
    }
}

struct Inner {
    scroll: HtmlElement,
    list: HtmlElement,
    lines: Rc<dyn Drawable>,
    rows: RefCell<Vec<Row>>,
    follows: Cell<bool>,
    /// The number of the line at the top of the list when it was drawn last, and their number.
    drawn: Cell<(usize, usize)>,
}

struct Row {
    element: HtmlElement,
    cells: Vec<Node>,
    number: Cell<Option<usize>>,
}

impl<T: 'static> VirtualList<T> {
    /// # Errors
    /// [`Missing`].
    pub(crate) fn new(
        scroll: &'static str,
        list: &'static str,
        kind: RowKind<T>,
    ) -> Result<Self, Missing> {
        let source = Rc::new(Source { lines: RefCell::new(Lines::new(KEPT)), kind });
        let inner = Inner::new(scroll, list, Rc::<Source<T>>::clone(&source))?;
        let frame = inner.serve();
        Ok(Self { source, inner, frame })
    }

    /// Adds lines, and shows them in the next frame.
    pub(crate) fn extend(&self, lines: impl IntoIterator<Item = T>) {
        let mut kept = self.source.lines.borrow_mut();
        for line in lines {
            kept.push(line);
        }
        drop(kept);
        self.frame.request();
    }

    /// Shows these lines in the place of all others, and leaves the reader where it is.
    pub(crate) fn replace(&self, lines: impl IntoIterator<Item = T>) {
        self.source.lines.borrow_mut().clear();
        self.inner.outdate();
        self.extend(lines);
    }

    /// How many lines there ever were.
    pub(crate) fn total(&self) -> usize {
        self.source.lines.borrow().total()
    }

    pub(crate) fn clear(&self) {
        self.source.lines.borrow_mut().clear();
        self.inner.empty();
        self.frame.request();
    }
}

impl Inner {
    fn new(
        scroll: &'static str,
        list: &'static str,
        lines: Rc<dyn Drawable>,
    ) -> Result<Rc<Self>, Missing> {
        Ok(Rc::new(Self {
            scroll: element(scroll)?,
            list: element(list)?,
            lines,
            rows: RefCell::default(),
            follows: Cell::new(true),
            drawn: Cell::default(),
        }))
    }

    /// What draws the list, as it does by itself when it is scrolled.
    fn serve(self: &Rc<Self>) -> Frame {
        let weak = Rc::downgrade(self);
        let frame = Frame::new(move || {
            if let Some(inner) = weak.upgrade() {
                inner.draw();
            }
        });
        let (weak, redraw) = (Rc::downgrade(self), frame.clone());
        on(&self.scroll, "scroll", move |_| {
            if let Some(inner) = weak.upgrade() {
                inner.follows.set(inner.is_at_end());
                redraw.request();
            }
        });
        frame
    }

    /// What the rows show is not what the lines are any more.
    fn outdate(&self) {
        self.follows.set(false);
        for row in &*self.rows.borrow() {
            row.number.set(None);
        }
    }

    fn empty(&self) {
        for row in self.rows.take() {
            row.element.remove();
        }
        self.follows.set(true);
        self.drawn.set((0, 0));
    }

    fn is_at_end(&self) -> bool {
        let scroll = &self.scroll;
        scroll.scroll_height() - scroll.scroll_top() - scroll.client_height() < ROW as i32
    }

    fn draw(&self) {
        let (first, length) = self.lines.extent();
        self.scroll.class_list().toggle_with_force("filled", length > 0).ok();
        let (drawn_first, drawn_length) = self.drawn.replace((first, length));
        if drawn_length != length {
            let height = format!("{}px", length * ROW);
            self.list.style().set_property("height", &height).ok();
        }
        let view = usize::try_from(self.scroll.client_height()).unwrap_or_default();
        let end = (length * ROW).saturating_sub(view);
        let top = usize::try_from(self.scroll.scroll_top()).unwrap_or_default();
        let wanted = if self.follows.get() {
            end
        } else {
            // Lines that went leave those that are being read where they are.
            top.saturating_sub(first.saturating_sub(drawn_first) * ROW).min(end)
        };
        if wanted != top {
            self.scroll.set_scroll_top(i32::try_from(wanted).unwrap_or(i32::MAX));
        }
        let from = (wanted / ROW).saturating_sub(MARGIN);
        let to = (wanted / ROW + view.div_ceil(ROW) + MARGIN).min(length);
        self.fill(first, from..to);
    }

    /// Shows the lines at these places, counted from the first that is kept.
    fn fill(&self, first: usize, places: core::ops::Range<usize>) {
        let mut rows = self.rows.borrow_mut();
        while rows.len() > places.len() {
            if let Some(row) = rows.pop() {
                row.element.remove();
            }
        }
        while rows.len() < places.len() {
            let Some(row) = self.make_row() else { return };
            rows.push(row);
        }
        for (row, place) in rows.iter().zip(places) {
            let number = first + place;
            row.element
                .style()
                .set_property("transform", &format!("translateY({}px)", place * ROW))
                .ok();
            if row.number.replace(Some(number)) == Some(number) {
                continue;
            }
            let Some(texts) = self.lines.texts(number) else { continue };
            for (cell, text) in row.cells.iter().zip(texts) {
                cell.set_text_content(Some(&text));
            }
            attribute(&row.element, "aria-posinset", &(number + 1).to_string());
            // The number of all lines, which goes on changing, is told elsewhere.
            attribute(&row.element, "aria-setsize", "-1");
        }
    }

    fn make_row(&self) -> Option<Row> {
        let (class, classes) = self.lines.classes();
        let item: Element = create("li", class, "").ok()?;
        let mut cells = Vec::new();
        for class in classes {
            let cell = create("span", class, "").ok()?;
            item.append_child(&cell).ok()?;
            cells.push(cell.into());
        }
        self.list.append_child(&item).ok()?;
        let element = wasm_bindgen::JsCast::dyn_into(item).ok()?;
        Some(Row { element, cells, number: Cell::new(None) })
    }
}
