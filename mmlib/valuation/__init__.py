"""What each modality gave to each sample, and training lists made of it."""
