//! A file while it is being written: it is called `FILE.part` until it is whole, and gone if it never is.

use std::fs::{self, File};
use std::future::Future;
use std::path::{Path, PathBuf};

use super::stop::Stop;
use crate::cli::failure::Failure;

/// The name of the file, which goes away with the value unless it is kept.
pub struct PartFile {
    part: PathBuf,
    output: PathBuf,
    is_kept: bool,
    stop: Stop,
}

impl PartFile {
    /// Creates it beside `output`. From here on signals do not end the program, and have to be waited for.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn create(output: &Path) -> Result<(Self, File), Failure> {
        let mut name = output.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let stop = Stop::listen().map_err(|error| Failure::new(error.to_string()))?;
        let file = File::create(&part).map_err(|error| unwritable(&part, &error))?;
        let named = Self {
            part,
            output: output.to_owned(),
            is_kept: false,
            stop,
        };
        Ok((named, file))
    }

    /// Gives the file, which is whole, its name.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn keep(mut self) -> Result<(), Failure> {
        fs::rename(&self.part, &self.output).map_err(|error| unwritable(&self.output, &error))?;
        self.is_kept = true;
        Ok(())
    }

    /// Does the work that writes it, unless a signal asks to stop before it is done.
    ///
    /// # Errors
    /// Those of the work, and a silent one after a signal.
    pub async fn unless_stopped<T, E: From<Failure>>(
        &mut self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            done = work => done,
            () = self.stop.next() => Err(Failure::interrupted().into()),
        }
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // Half a file is of no use to anybody.
            let _gone = fs::remove_file(&self.part);
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_file_is_there_when_it_is_whole_and_nothing_before() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.csv");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let (part, _file) = PartFile::create(&output).unwrap();
        assert_eq!((names(), output.exists()), (1, false));
        drop(part);
        assert_eq!(names(), 0);
        let (part, _file) = PartFile::create(&output).unwrap();
        part.keep().unwrap();
        assert_eq!((names(), output.exists()), (1, true));
        let missing = folder.path().join("no").join("out.csv");
        let told = PartFile::create(&missing).err().unwrap().to_string();
        assert!(told.contains("cannot be written"), "{told}");
    }
}
