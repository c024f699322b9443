//! The statics and tasks of a sensor image, which have to be of concrete types.

/// Declares the tasks of a program for these types, with all of their memory:
///
/// | Function | Does |
/// |---|---|
/// | `start_sampling(spawner, sensor)` | spawns what samples: for an executor of the highest priority |
/// | `start_telling(spawner, link, watchdog, reset)` | spawns what tells the host and feeds the watchdog: for an executor between that and inference |
/// | `inferring(weights).await` | infers for ever; gives only the refusal of weights that are not the model's |
///
/// The crate needs `embassy_executor` and `static_cell`, and `elbow_sensor` with the feature `embassy-time`.
#[macro_export]
macro_rules! tasks {
    (sensor: $sensor:ty, sensing: $sensing:ty, link: $link:ty, watchdog: $watchdog:ty $(,)?) => {
        const PAYLOAD: usize = $crate::payload::<$sensor, $sensing>();
        const MESSAGE: usize = $crate::wire::message_len(PAYLOAD);
        const FRAME: usize = $crate::wire::frame_len(PAYLOAD);

        static PIPELINE: $crate::Pipeline<$sensor, $sensing> = $crate::Pipeline::new();
        static SENSING: static_cell::ConstStaticCell<$sensing> =
            static_cell::ConstStaticCell::new(<$sensing>::new());
        static FRAMER: static_cell::ConstStaticCell<
            $crate::wire::Framer<[u8; MESSAGE], [u8; FRAME]>,
        > = static_cell::ConstStaticCell::new($crate::wire::Framer::new([0; MESSAGE], [0; FRAME]));

        #[embassy_executor::task]
        async fn sampling(mut sensor: $sensor) -> ! {
            $crate::sample(&mut sensor, &$crate::Uptime, &PIPELINE).await
        }

        #[embassy_executor::task]
        async fn telling(mut link: $link, identity: $crate::Identity<$sensor, $sensing>) -> ! {
            $crate::tell(&mut link, &$crate::Uptime, &PIPELINE, identity, FRAMER.take()).await
        }

        #[embassy_executor::task]
        async fn guarding(mut watchdog: $watchdog) -> ! {
            $crate::guard(&mut watchdog, &$crate::Uptime, &PIPELINE).await
        }

        /// Spawns the task that samples; a second call does nothing.
        fn start_sampling(spawner: embassy_executor::SendSpawner, sensor: $sensor) {
            if let Ok(task) = sampling(sensor) {
                spawner.spawn(task);
            }
        }

        /// Spawns the tasks that tell and guard; a second call does nothing.
        fn start_telling(
            spawner: embassy_executor::SendSpawner,
            link: $link,
            watchdog: $watchdog,
            reset: $crate::wire::ResetReason,
        ) {
            if let Ok(task) = telling(link, $crate::Identity::new(reset)) {
                spawner.spawn(task);
            }
            if let Ok(task) = guarding(watchdog) {
                spawner.spawn(task);
            }
        }

        /// Infers, for ever, with these weights; their refusal where they are not the model's.
        async fn inferring(weights: &'static [u8]) -> $crate::wire::Refusal {
            let sensing = SENSING.take();
            match $crate::Sensing::boot(sensing, weights) {
                Ok(()) => $crate::infer(sensing, &$crate::Uptime, &PIPELINE).await,
                Err(refusal) => refusal,
            }
        }
    };
}
