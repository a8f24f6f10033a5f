//! What `#[derive(Form)]` writes beside [`Form`](crate::form::Form), for the forms of tests, which are written by hand.

/// Lets handlers take a form.
macro_rules! taken_by_handlers {
    ($form:ty) => {
        impl<S: ::core::marker::Send + Sync> axum::extract::FromRequest<S> for $form {
            type Rejection = $crate::form::FormRejection;

            async fn from_request(
                request: axum::extract::Request,
                _: &S,
            ) -> ::core::result::Result<Self, Self::Rejection> {
                $crate::form::extract(request).await
            }
        }
    };
}
