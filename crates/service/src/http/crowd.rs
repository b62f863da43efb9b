//! How many connections, or requests, one sender may have.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is open, by sender.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    each_max: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One that counts for its sender until it is dropped.
#[derive(Debug)]
pub(crate) struct Member {
    crowd: Crowd,
    sender: IpAddr,
}

impl Crowd {
    pub(crate) fn new(each_max: usize) -> Self {
        Self {
            each_max,
            open: Arc::default(),
        }
    }

    /// Counts one more; `None` if its sender has as many as it may.
    pub(crate) fn admit(&self, peer: IpAddr) -> Option<Member> {
        let sender = sender(peer);
        let mut open = self.open();
        let count = open.entry(sender).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Member {
            crowd: self.clone(),
            sender,
        })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut open = self.crowd.open();
        if let Some(count) = open.get_mut(&self.sender) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.sender);
            }
        }
    }
}

/// One host has a whole network of 64 bits under IPv6.
fn sender(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_has_its_share_and_gets_it_back() {
        let crowd = Crowd::new(2);
        let admit = |peer: &str| crowd.admit(peer.parse().unwrap());
        let first = admit("192.0.2.1");
        let second = admit("::ffff:192.0.2.1");
        assert!(first.is_some() && second.is_some());
        assert!(admit("192.0.2.1").is_none());
        assert!(admit("192.0.2.2").is_some());
        drop(first);
        assert!(admit("192.0.2.1").is_some());
        drop(second);
        assert!(crowd.open().is_empty());
    }

    #[test]
    fn one_host_cannot_have_many_addresses() {
        let crowd = Crowd::new(1);
        let first = crowd.admit("2001:db8::1".parse().unwrap());
        assert!(crowd.admit("2001:db8::ffff:2".parse().unwrap()).is_none());
        assert!(crowd.admit("2001:db8:0:1::1".parse().unwrap()).is_some());
        drop(first);
    }
}
