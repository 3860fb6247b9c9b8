//! Benchmarks of the protocol core: the [`cases`] that are measured in two ways, by the clock
//! (`benches/proto.rs`) and by the instructions that they take (`instructions`), which do not depend
//! on what else the machine does.

pub mod cases;
