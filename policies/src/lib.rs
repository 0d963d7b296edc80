//! Who may do what: the casbin model, the role matrix, and the authoriser.
