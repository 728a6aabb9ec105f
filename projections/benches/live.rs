//! What a look into `Live` costs, alone and beside a writer, and what a session costs in memory.

fn main() {}
