//! A Kafka of one node that lives as long as this program: prints its brokers, then waits for the end of its input.

use std::io::{self, Write};

use testkit::Kafka;

fn main() -> io::Result<()> {
    let kafka = Kafka::one_node();
    writeln!(io::stdout(), "{}", kafka.brokers())?;
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
