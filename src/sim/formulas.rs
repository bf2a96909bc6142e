//! Closed forms of queueing theory, to measure the simulator by.

/// What a formula says of a queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queue {
    /// Probability that a contact has to wait.
    pub delayed: f64,
    /// Mean wait of all contacts, in the unit of the service time.
    pub mean_wait: f64,
    /// Share that leaves.
    pub abandoned: f64,
}

/// M/M/n without abandonment: `arrivals` per unit of time, mean service time `service`, `servers`.
/// Holds for fewer arrivals than the servers can do.
pub fn erlang_c(arrivals: f64, service: f64, servers: usize) -> Queue {
    let offered = arrivals * service;
    // Erlang B by its recursion, which neither overflows nor loses digits.
    let blocked = (1..=servers).fold(1.0, |b, n| offered * b / (n as f64 + offered * b));
    let load = offered / servers as f64;
    let delayed = blocked / (1.0 - load * (1.0 - blocked));
    let mean_wait = delayed * service / (servers as f64 * (1.0 - load));
    Queue { delayed, mean_wait, abandoned: 0.0 }
}

/// M/M/n with exponential patience of mean `patience`, from the probabilities of its states.
pub fn erlang_a(arrivals: f64, service: f64, servers: usize, patience: f64) -> Queue {
    let rate_down =
        |n: usize| n.min(servers) as f64 / service + n.saturating_sub(servers) as f64 / patience;
    // States beyond are rarer than a double can tell.
    let states = servers + (arrivals * patience * 20.0) as usize + 200;
    let mut weight = 1.0;
    let (mut total, mut delayed, mut waiting) = (1.0, 0.0, 0.0);
    if servers == 0 {
        delayed = 1.0;
    }
    for n in 1..=states {
        weight *= arrivals / rate_down(n);
        total += weight;
        if n >= servers {
            delayed += weight;
            waiting += weight * (n - servers) as f64;
        }
        if weight > 1e200 {
            weight /= 1e200;
            total /= 1e200;
            delayed /= 1e200;
            waiting /= 1e200;
        }
    }
    let waiting = waiting / total;
    Queue {
        delayed: delayed / total,
        // Little's law, for those who are answered and those who leave.
        mean_wait: waiting / arrivals,
        abandoned: waiting / patience / arrivals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_waits_as_the_textbook_says() {
        let queue = erlang_c(0.8, 1.0, 1);

        assert!((queue.delayed - 0.8).abs() < 1e-12);
        assert!((queue.mean_wait - 4.0).abs() < 1e-12);
    }

    #[test]
    fn twelve_servers_have_the_published_mean_wait() {
        // 4.2 a minute, two minutes each: ASA 0.1022 min.
        let queue = erlang_c(4.2, 2.0, 12);

        assert!((queue.mean_wait - 0.1022).abs() < 5e-5, "{queue:?}");
    }

    #[test]
    fn abandonment_has_the_published_shares() {
        // 90 and 30 servers, 240 s of work, 450 s of patience.
        for (servers, load, expected) in [(90, 0.95, 0.0172), (30, 0.95, 0.0417), (90, 1.2, 0.1669)]
        {
            let arrivals = load * f64::from(servers) / 240.0;
            let queue = erlang_a(arrivals, 240.0, servers as usize, 450.0);

            assert!((queue.abandoned - expected).abs() < 6e-4, "{queue:?}");
        }
    }

    #[test]
    fn endless_patience_is_erlang_c() {
        let patient = erlang_a(0.1125, 240.0, 30, 1e6);
        let endless = erlang_c(0.1125, 240.0, 30);

        assert!((patient.delayed - endless.delayed).abs() < 2e-3);
    }
}
