//! Objects that are written: small ones in one request, large ones in parts.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, PutPayloadMut};
use tokio::task::JoinSet;

use super::{Cloud, explain, key};
use crate::error::{Error, ErrorKind, Result};
use crate::location::Location;
use crate::remote::Answer;
use crate::remote::upload::Pieces;

/// Up to how many bytes a server has in so short a time that its silence is none of sending.
const LARGEST_QUICK: u64 = 1 << 20;

impl Cloud {
    /// A small object is put in one request, a large one in parts.
    pub(super) async fn write_pieces(&self, location: &Location, mut pieces: Pieces) -> Result<()> {
        let path = key(location)?;
        let mut head = Vec::new();
        let mut len = 0;
        while len < self.chunk_size {
            let Some(bytes) = pieces.next(location).await? else {
                let whole: PutPayload = head.into_iter().collect();
                let put = self.put_whole(location, &path, whole);
                return pieces.abandoned().or(location, put).await;
            };
            len += bytes.len();
            head.push(bytes);
        }
        let abandoned = pieces.abandoned();
        let begun = self.uploads.put_multipart(&path).await;
        let mut upload = begun.map_err(|error| explain(location, &error))?;
        let written = self.put_parts(location, upload.as_mut(), head, pieces);
        let outcome = abandoned.or(location, written).await;
        if outcome.is_err() {
            // What does not succeed either is taken away by the store's own rules.
            let _ = upload.abort().await;
        }
        outcome
    }

    async fn put_whole(&self, location: &Location, path: &Path, bytes: PutPayload) -> Result<()> {
        let len = bytes.content_length() as u64;
        let put = |store: &Arc<dyn ObjectStore>| {
            let (store, path, bytes) = (Arc::clone(store), path.clone(), bytes.clone());
            let location = location.clone();
            async move {
                let put = store.put(&path, bytes).await;
                put.map(|_| ()).map_err(|error| explain(&location, &error))
            }
        };
        match len {
            // Soon enough there that a server that is silent need not be waited for long.
            0..=LARGEST_QUICK => {
                let put = || -> Answer<()> { Box::pin(put(&self.store)) };
                self.limits.repeat(location, len, put).await
            }
            _ => put(&self.uploads).await,
        }
    }

    /// Puts an object in parts of the same length, several at the same time.
    async fn put_parts(
        &self,
        location: &Location,
        upload: &mut dyn MultipartUpload,
        head: Vec<Bytes>,
        mut pieces: Pieces,
    ) -> Result<()> {
        let failed = |error| explain(location, &error);
        let stopped = |_| Error::new(ErrorKind::Io, location, "its client stopped unexpectedly");
        // Those that are on their way end with this.
        let mut sent: JoinSet<object_store::Result<()>> = JoinSet::new();
        let mut part = PutPayloadMut::new();
        let mut head = head.into_iter();
        loop {
            let next = match head.next() {
                Some(piece) => Some(piece),
                None => pieces.next(location).await?,
            };
            let Some(mut piece) = next else { break };
            while !piece.is_empty() {
                let room = self.chunk_size - part.content_length();
                part.push(piece.split_to(room.min(piece.len())));
                if part.content_length() == self.chunk_size {
                    if sent.len() >= self.parallelism
                        && let Some(done) = sent.join_next().await
                    {
                        done.map_err(stopped)?.map_err(failed)?;
                    }
                    sent.spawn(upload.put_part(std::mem::take(&mut part).freeze()));
                }
            }
        }
        if !part.is_empty() {
            sent.spawn(upload.put_part(part.freeze()));
        }
        while let Some(done) = sent.join_next().await {
            done.map_err(stopped)?.map_err(failed)?;
        }
        upload.complete().await.map(|_| ()).map_err(failed)
    }
}
