//! Transitions: a graph in layers from start to end with the largest edges, loops drawn back, and the list of them below.
//!
//! An event stands right of the one from which most come to it, so the main way reads from left to right; edges that lead
//! back run below. Three ribbons in a row are not one way of the same people, which the caption says.

use std::collections::BTreeMap;

use diptych_journey::Cell;

use super::bars::{Bar, Rows};
use super::{Part, chips, facts};
use crate::canvas::{Canvas, Path, Rect, Style};
use crate::drawing::Area;
use crate::numbers;
use crate::theme::Paint;

/// Edges that are drawn, the largest ones.
const MAX_EDGES: usize = 24;
/// Edges in the list.
const MAX_LISTED: usize = 15;
/// Space for a layer: the node and its name.
const LAYER: f64 = 168.0;
const NARROW_LAYER: f64 = 92.0;
/// Room for the name of the end, right of the last layer.
const LAST: f64 = 44.0;
const NODE: f64 = 12.0;
/// Room for the name and the loop of a node.
const NODE_GAP: f64 = 40.0;
/// Height of the largest layer without its gaps.
const HEIGHT: f64 = 260.0;
/// Room below for edges that lead back.
const BACK: f64 = 52.0;

struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    cell: &'a Cell,
}

pub(super) fn draw(canvas: &mut Canvas, part: Part, area: Area) -> f64 {
    let mut edges: Vec<Edge> = part
        .cells
        .iter()
        .filter_map(|cell| {
            let (from, to) = cell.id.strip_prefix("edge:")?.split_once('→')?;
            Some(Edge { from, to, cell })
        })
        .filter(|edge| edge.cell.n > 0)
        .collect();
    if edges.is_empty() {
        return area.top;
    }
    edges.sort_by_key(|edge| std::cmp::Reverse(edge.cell.n));
    let mut y = facts::draw(canvas, part, &["cases", "pairs", "edges"], area);
    let n_drawn = edges.len().min(if area.is_narrow() { MAX_EDGES / 2 } else { MAX_EDGES });
    y = layered(canvas, part, &edges, n_drawn, Area { top: y + 4.0, ..area });
    let text = format!("The {n_drawn} largest edges; as high as they are often. Edges in a row are not one way of the same people.");
    y = canvas.paragraph(area.left, y + 10.0, Style::SMALL, area.width(), 3, &text) + 4.0;
    list(canvas, part, &edges, Area { top: y, ..area })
}

/// Lists the largest edges with their share of all that leave an event, and their time.
fn list(canvas: &mut Canvas, part: Part, edges: &[Edge], area: Area) -> f64 {
    let named: Vec<(String, &Edge)> = edges.iter().take(MAX_LISTED).map(|edge| (format!("{} → {}", edge.from, edge.to), edge)).collect();
    let find = |kind: &str, edge: &Edge| part.find(&format!("{kind}:{}→{}", edge.from, edge.to));
    let bars: Vec<(&Edge, Bar)> =
        named.iter().filter_map(|(name, edge)| Some((*edge, Bar::new(find("share", edge)?, part.group, name, Paint::Series(0))))).collect();
    canvas.text(area.left, area.top + 13.0, Style::STRONG, area.width(), "What comes next, of all that leave the event");
    let rows = Rows::new(bars.iter().map(|(_, bar)| bar), 1.0, area);
    let mut y = area.top + 22.0;
    for (edge, bar) in &bars {
        y = rows.draw(canvas, bar, y);
        let time = find("time", edge).filter(|time| time.value.is_some());
        let beside: Vec<(&Cell, String)> = time.map(|time| (time, format!("{} median time", numbers::value(time)))).into_iter().collect();
        y = chips::draw(canvas, part, &beside, Area { left: rows.left(), top: y - 3.0, ..area }) + 2.0;
    }
    let left_out = edges.len().saturating_sub(MAX_LISTED);
    if left_out > 0 {
        canvas.text(area.left, y + 12.0, Style::SMALL, area.width(), &format!("{left_out} more edges are in the answer"));
        y += 20.0;
    }
    y
}

struct Node {
    layer: usize,
    /// Pairs through it, the larger of in and out, without its own loop.
    through: u64,
    x: f64,
    y: f64,
    height: f64,
    /// How far its left and right sides are taken by ribbons.
    used_in: f64,
    used_out: f64,
}

/// Puts each event one layer after the one from which most come to it; the end comes last.
fn layers<'a>(edges: &[Edge<'a>], max_layers: usize) -> BTreeMap<&'a str, usize> {
    let mut layer: BTreeMap<&str, usize> = BTreeMap::new();
    let first = if edges.iter().any(|edge| edge.from == "(start)") { "(start)" } else { edges[0].from };
    layer.insert(first, 0);
    let last = max_layers.max(3) - 1;
    loop {
        let onward = edges.iter().filter(|edge| edge.to != "(end)" && layer.contains_key(edge.from) && !layer.contains_key(edge.to));
        if let Some(edge) = onward.max_by_key(|edge| edge.cell.n) {
            layer.insert(edge.to, (layer[edge.from] + 1).min(last - 1));
            continue;
        }
        let Some(edge) = edges.iter().find(|edge| edge.from != "(end)" && !layer.contains_key(edge.from)) else { break };
        layer.insert(edge.from, 1);
    }
    if edges.iter().any(|edge| edge.to == "(end)") {
        let end = layer.values().max().map_or(1, |deepest| deepest + 1);
        layer.insert("(end)", end);
    }
    layer
}

fn layered(canvas: &mut Canvas, part: Part, edges: &[Edge], n_drawn: usize, area: Area) -> f64 {
    let mut layer = layers(edges, (area.width() / if area.is_narrow() { NARROW_LAYER } else { LAYER }).floor() as usize);
    let edges = &edges[..n_drawn];
    layer.retain(|name, _| edges.iter().any(|edge| edge.from == *name || edge.to == *name));
    let n_layers = layer.values().max().map_or(1, |deepest| deepest + 1);
    let through = |name: &str| {
        let sum = |end: fn(&Edge) -> String| -> u64 {
            let own = |edge: &&Edge| edge.from != edge.to && end(edge) == name;
            edges.iter().filter(own).map(|edge| edge.cell.n).sum()
        };
        sum(|edge| edge.from.to_owned()).max(sum(|edge| edge.to.to_owned()))
    };
    let mut nodes: BTreeMap<&str, Node> = layer
        .iter()
        .map(|(name, layer)| {
            (*name, Node { layer: *layer, through: through(name), x: 0.0, y: 0.0, height: 0.0, used_in: 0.0, used_out: 0.0 })
        })
        .collect();
    let of_layer = |layer: usize, nodes: &BTreeMap<&str, Node>| -> u64 {
        nodes.values().filter(|node| node.layer == layer).map(|node| node.through).sum()
    };
    let most = (0..n_layers).map(|layer| of_layer(layer, &nodes)).max().unwrap_or(1).max(1) as f64;
    let scale = HEIGHT / most;
    let step = (area.width() - NODE - LAST) / (n_layers.max(2) - 1) as f64;
    let mut bottom = area.top;
    for idx in 0..n_layers {
        let mut names: Vec<&str> = nodes.iter().filter(|(_, node)| node.layer == idx).map(|(name, _)| *name).collect();
        names.sort_by_key(|name| std::cmp::Reverse(nodes[name].through));
        let mut y = area.top + NODE_GAP - 14.0;
        for name in names {
            let node = nodes.get_mut(name).expect("the name is a node's");
            node.height = (node.through as f64 * scale).max(4.0);
            (node.x, node.y) = (area.left + idx as f64 * step, y);
            y += node.height.max(14.0) + NODE_GAP;
        }
        bottom = bottom.max(y - NODE_GAP + 14.0);
    }
    let leads_on = |edge: &Edge, nodes: &BTreeMap<&str, Node>| nodes[edge.to].layer > nodes[edge.from].layer;
    let mut ribbons: Vec<&Edge> = edges.iter().filter(|edge| leads_on(edge, &nodes)).collect();
    ribbons.sort_by(|one, other| nodes[one.to].y.total_cmp(&nodes[other.to].y));
    for edge in ribbons {
        ribbon(canvas, part, edge, scale, &mut nodes);
    }
    let (beside, back): (Vec<&Edge>, Vec<&Edge>) = edges
        .iter()
        .filter(|edge| edge.from != edge.to && !leads_on(edge, &nodes))
        .partition(|edge| nodes[edge.to].layer == nodes[edge.from].layer);
    for edge in &beside {
        lead_beside(canvas, part, edge, scale, &nodes);
    }
    for edge in &back {
        lead_back(canvas, part, edge, scale, bottom, &nodes);
    }
    for (name, node) in &nodes {
        let own = edges.iter().find(|edge| edge.from == *name && edge.to == *name);
        label(canvas, part, (name, node), own, step, area.right);
    }
    if back.is_empty() { bottom } else { bottom + BACK }
}

fn ribbon(canvas: &mut Canvas, part: Part, edge: &Edge, scale: f64, nodes: &mut BTreeMap<&str, Node>) {
    let height = (edge.cell.n as f64 * scale).max(1.0);
    let from = nodes.get_mut(edge.from).expect("an edge leaves a node");
    let (x0, y0) = (from.x + NODE, from.y + from.used_out);
    from.used_out += height;
    let to = nodes.get_mut(edge.to).expect("an edge comes to a node");
    let (x1, y1) = (to.x, to.y + to.used_in);
    to.used_in += height;
    let middle = (x0 + x1) / 2.0;
    let mut path = Path::from((x0, y0));
    path.curve((middle, y0), (middle, y1), (x1, y1));
    path.line((x1, y1 + height));
    path.curve((middle, y1 + height), (middle, y0 + height), (x0, y0 + height));
    let paint = if edge.to == "(end)" { Paint::Bad } else { Paint::Series(0) };
    canvas.cell(edge.cell, part.group, |canvas| canvas.area(&path, paint, 0.3));
}

/// Draws an edge within a layer, right of the nodes.
fn lead_beside(canvas: &mut Canvas, part: Part, edge: &Edge, scale: f64, nodes: &BTreeMap<&str, Node>) {
    let stroke = (edge.cell.n as f64 * scale).clamp(1.0, 8.0);
    let side = |node: &Node| (node.x + NODE, node.y + node.height / 2.0);
    let (start, end) = (side(&nodes[edge.from]), side(&nodes[edge.to]));
    let out = 22.0 + 0.08 * (end.1 - start.1).abs();
    let mut path = Path::from(start);
    path.curve((start.0 + out, start.1), (end.0 + out, end.1), (end.0 + 5.0, end.1));
    canvas.cell(edge.cell, part.group, |canvas| {
        canvas.path(&path, Paint::Series(1), stroke, 0.4);
        canvas.arrow_head(end, (-1.0, 0.0), 8.0, Paint::Series(1));
    });
}

/// Draws an edge that leads back below the nodes.
fn lead_back(canvas: &mut Canvas, part: Part, edge: &Edge, scale: f64, bottom: f64, nodes: &BTreeMap<&str, Node>) {
    let (from, to) = (&nodes[edge.from], &nodes[edge.to]);
    let stroke = (edge.cell.n as f64 * scale).clamp(1.0, 10.0);
    let start = (from.x + NODE / 2.0, from.y + from.height);
    let end = (to.x + NODE / 2.0, to.y + to.height + 7.0);
    let apart = (from.layer - to.layer) as f64;
    let depth = bottom.max(start.1).max(end.1) + 18.0 + 12.0 * apart.min(4.0);
    let mut path = Path::from(start);
    path.curve((start.0 + 26.0, depth), (end.0 - 26.0, depth), end);
    canvas.cell(edge.cell, part.group, |canvas| {
        canvas.path(&path, Paint::Series(1), stroke, 0.4);
        canvas.arrow_head((end.0, end.1 - 7.0), (0.3, -1.0), 8.0, Paint::Series(1));
    });
}

fn label(canvas: &mut Canvas, part: Part, (name, node): (&str, &Node), own: Option<&Edge>, step: f64, right: f64) {
    canvas.rect(Rect::new(node.x, node.y, NODE, node.height), if name == "(end)" { Paint::Bad } else { Paint::Series(0) }, 1.0);
    let room = (step - 12.0).min(right - node.x);
    canvas.text_over(node.x, node.y - 7.0, Style::STRONG, room, name);
    let Some(own) = own else { return };
    canvas.cell(own.cell, part.group, |canvas| {
        let (x, y) = (node.x + NODE, node.y + node.height.max(14.0) / 2.0);
        let mut path = Path::from((x, y - 5.0));
        path.curve((x + 16.0, y - 12.0), (x + 16.0, y + 12.0), (x + 3.0, y + 5.0));
        canvas.path(&path, Paint::Series(1), 2.0, 1.0);
        canvas.arrow_head((x, y + 4.0), (-1.0, -0.4), 7.0, Paint::Series(1));
        let text = format!("{} again", numbers::value(own.cell));
        canvas.text_over(x + 18.0, y + 4.0, Style::SMALL.paint(Paint::Ink), room - NODE - 18.0, &text);
    });
}
