//! The ids of a shard's actors, packed: one text buffer and its offsets.

/// The ids of the actors of one shard, in the order of their timelines (ascending by text).
#[derive(Debug, Clone, Copy)]
pub struct ActorIds<'a> {
    /// Byte offsets into `text`, shape `[actors + 1]`.
    pub offsets: &'a [i32],
    /// The ids one after the other, UTF-8.
    pub text: &'a [u8],
}

impl<'a> ActorIds<'a> {
    /// Returns the number of actors.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Tells whether there is no actor.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the id of the actor at `actor_idx`.
    ///
    /// # Panics
    /// When `actor_idx` is out of range or the buffer is not UTF-8, which only a damaged file can cause.
    pub fn get(&self, actor_idx: usize) -> &'a str {
        let (from, to) = (self.offsets[actor_idx] as usize, self.offsets[actor_idx + 1] as usize);
        std::str::from_utf8(&self.text[from..to]).expect("actor ids are UTF-8")
    }

    /// Walks the ids in order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).map(move |actor_idx| self.get(actor_idx))
    }
}
