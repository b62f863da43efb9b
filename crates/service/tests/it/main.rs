//! The one integration binary of `service`: what it promises, over real sockets.

#[cfg(test)]
mod http;
