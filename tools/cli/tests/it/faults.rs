//! What a node withstands: swaps and kills under load, every way of saving a file, guests that misbehave.

mod guests;
mod kills;
mod refusals;
mod saves;
mod scene;
mod swaps;
mod tiers;
