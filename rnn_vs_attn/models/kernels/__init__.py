"""What layers are computed with: caches, products, steps, scans."""
