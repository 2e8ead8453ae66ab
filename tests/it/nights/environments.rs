//! Variables, profiles and entries as other programs set them.
