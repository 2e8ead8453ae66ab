//! What earlier versions wrote is still read: documents as they were written are files in these folders.

mod plans;
