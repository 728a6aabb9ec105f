//! Cookie sessions over HTTP: requests through the whole stack of layers, answers as a browser sees
//! them.

mod browser;
mod guards;
mod originals;
mod races;
mod secrets;
mod table;
mod timeouts;
